"""The seeded exams can be opened, are real, and are rendered the same each time."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from django.conf import settings
from PIL import Image

from sandbox.models import Application, Customer, Service
from sandbox.seed import exams as seeded
from sandbox.seed.database import seed
from sandbox.seed.exams import SeedExam, SeedFile, available_exams, get_exam

LOOPS = {"apical-loop.mp4": 120, "apical-short.mp4": 30, "heart-loop.mp4": 30}


def files_of(exams: dict[str, SeedExam], suffix: str) -> Iterator[tuple[SeedFile, Path]]:
    for exam in exams.values():
        for file in exam.files:
            if file.name.endswith(suffix):
                yield file, settings.SANDBOX_DIR / file.path


def test_there_are_six_exams_and_one_has_four_captures_or_more(exams: dict[str, SeedExam]) -> None:
    assert len(exams) >= 6
    assert max(len(each.files) for each in exams.values()) >= 4
    assert all(each.files for each in exams.values())


def test_every_loop_is_whole_h264_that_plays_while_it_loads(exams: dict[str, SeedExam]) -> None:
    seen = {}
    for file, path in files_of(exams, ".mp4"):
        assert file.content_type == "video/mp4"
        data = path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")
        with av.open(str(path), format="mp4") as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            assert 20 <= (stream.average_rate or Fraction(0)) <= 40
            seen[file.name] = sum(1 for _ in container.decode(video=0))
    assert seen == LOOPS


@pytest.mark.parametrize(("suffix", "form"), [(".jpg", "JPEG"), (".png", "PNG")])
def test_every_still_decodes_as_what_it_says(exams: dict[str, SeedExam], suffix: str, form: str) -> None:
    found = list(files_of(exams, suffix))
    assert found
    for _, path in found:
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == form
            low, high = picture.convert("L").getextrema()
            assert high - low > 100, f"{path.name} shows nothing"


def test_every_exam_has_a_thumbnail(exams: dict[str, SeedExam]) -> None:
    for exam in exams.values():
        with Image.open(settings.SANDBOX_DIR / exam.thumbnail) as picture:
            assert max(picture.size) <= 480


def test_patients_are_of_every_kind(exams: dict[str, SeedExam]) -> None:
    patients = [each.patient for each in exams.values()]
    assert any(each.get("last_name") == "王" and each.get("first_name") == "伟" for each in patients)
    assert any("animal_name" in each and "owner_name" in each for each in patients)
    assert any(set(each) == {"identifier"} for each in patients)
    assert {} in patients


def test_rendering_again_gives_the_same_bytes(exams: dict[str, SeedExam], tmp_path: Path) -> None:
    recipe = next(each for each in seeded.RECIPES if each.slug == "canine-cardiac")
    again = seeded._render(recipe, tmp_path)
    for file in again.files:
        first = settings.SANDBOX_DIR / file.path
        assert (tmp_path / file.path).read_bytes() == first.read_bytes()


def test_what_is_there_is_not_rendered_again_and_a_missing_file_is(
    exams: dict[str, SeedExam], tmp_path: Path
) -> None:
    recipe = next(each for each in seeded.RECIPES if each.slug == "vessel-doppler")
    folder = tmp_path / "exams" / recipe.slug
    folder.mkdir(parents=True)
    kept, missing = (folder / file.name for file in recipe.files)
    kept.write_bytes((settings.SANDBOX_DIR / "exams" / recipe.slug / kept.name).read_bytes())
    before = kept.stat().st_mtime_ns
    seeded._render(recipe, tmp_path)
    assert kept.stat().st_mtime_ns == before
    assert missing.exists()
    assert {each.name for each in folder.iterdir()} == {kept.name, missing.name, "thumbnail.jpg"}


def test_an_exam_is_found_by_its_slug_or_not_at_all(exams: dict[str, SeedExam]) -> None:
    assert get_exam("pelvis") == exams["pelvis"]
    assert available_exams() == tuple(exams.values())
    with pytest.raises(KeyError):
        get_exam("spleen")


def test_seeding_twice_makes_everything_once(db: None) -> None:
    seed()
    first = list(Customer.objects.values_list("token", flat=True))
    seed()
    assert list(Customer.objects.values_list("token", flat=True)) == first
    assert Service.objects.count() == 1
    names = list(Application.objects.values_list("name", flat=True))
    assert len(names) == len(set(names))
    assert {"Abdomen", "Cardiac", "Bladder"} <= set(names)


def test_a_fresh_sandbox_knows_three_customers_and_sends_nothing_anywhere(db: None) -> None:
    seed()
    assert list(Customer.objects.values_list("name", "institution", "confirmed_at")) == [
        ("Dr. Ada Osei", "Harbour Clinic", None),
        ("Dr. Jonas Lindqvist", "Harbour Clinic", None),
        ("Dr. Mei Tanaka", "Northside Veterinary", None),
    ]
    assert all(len(token) == 43 for token in Customer.objects.values_list("token", flat=True))
    service = Service.get()
    assert (service.notification_url, service.token_transfer_url) == ("", "")


def test_applications_have_the_identifiers_of_the_documents(db: None) -> None:
    seed()
    cardiac = Application.objects.get(name="Cardiac")
    assert str(cardiac.uuid) == "2e79155f-811c-4d29-9b49-807b20013518"
    assert cardiac.annotations is None
