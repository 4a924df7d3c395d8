from sandbox.models import LinkEpoch
import time
def test_x(api, media, submit):
    from tests.sandbox.test_api import get
    submission = submit(notify=False)
    url = get(api, f"download-requests/{submission.request_uuid}/data/")["captures"][0]["url"]
    path = url.removeprefix("http://127.0.0.1:8002")
    r=api.post("/sandbox/control/links/expire/", content_type="application/json")
    print(r.status_code, r.content, path, list(LinkEpoch.objects.values()), time.time())
    assert media(path).status_code==403
