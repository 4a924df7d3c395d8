"""Load: wrk with unique notifications, and pgbench with the INSERT of the webhook."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.chaos.servers import Postgres, postgres_binaries

LUA = """
local threads = 0
local count = 0
function setup(thread) threads = threads + 1; thread:set("number", threads) end
function init(args)
  math.randomseed(os.time() * 1000 + number * 7919 + {salt})
  base = string.format("%08x-%04x-4%03x", math.random(0, 2^31 - 1), math.random(0, 65535), number)
end
function request()
  count = count + 1
  local uuid = string.format("%s-8%03x-%012x", base, math.random(0, 4095), count)
  local body = '{{"request_uuid": "' .. uuid .. '", "customer_id": "{customer}", ' ..
    '"exam_uuid": "' .. uuid .. '", "submitted_at": "2026-11-25T12:00:00Z", ' ..
    '"download_url": "https://cloud.example/api/public/v0/download-requests/' .. uuid .. '/data/"}}'
  return wrk.format("POST", "{path}", {{["Content-Type"] = "application/json"}}, body)
end
function done(summary, latency, requests)
  io.write(string.format('RESULT {{"requests": %d, "microseconds": %d, "p50": %f, "p99": %f, ' ..
    '"refused": %d, "broken": %d}}\\n', summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass
class Load:
    """Counts of one run of a load generator; times in ms."""

    rate: float
    p50: float = 0.0
    p99: float = 0.0
    taken: int = 0
    refused: int = 0


def wrk(url: str, *, connections: int, seconds: int, customer: str, script: Path, salt: int) -> Load:
    """Post notifications over `connections` kept-alive connections; raises CalledProcessError."""
    script.write_text(LUA.format(path=urlsplit(url).path, customer=customer, salt=salt))
    threads = min(connections, 2)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", str(script), url], capture_output=True, text=True, check=True, timeout=seconds + 60
    )
    found = json.loads(done.stdout.partition("RESULT ")[2])
    taken = found["requests"] - found["refused"]
    return Load(
        rate=taken / (found["microseconds"] / 1e6),
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
        taken=taken,
        refused=found["refused"] + found["broken"],
    )


def pgbench(
    postgres: Postgres, statement: str, *, connections: int, seconds: int, script: Path, mode: str = "simple"
) -> Load:
    """Run one statement repeatedly; raises CalledProcessError."""
    binaries = postgres_binaries()
    assert binaries is not None
    script.write_text(f"{statement};\n")
    command = [str(binaries / "pgbench"), "-n", "-M", mode, "-c", str(connections), "-j", "2"]
    command += ["-T", str(seconds), "-f", str(script), "-h", "127.0.0.1", "-p", str(postgres.port)]
    done = subprocess.run(
        [*command, "-U", "postgres", "postgres"],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 60,
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return Load(rate=float(found.group(1)))
