"""An environment whose one capability is a raw stream to the port in BENCH_STREAM_PORT."""

from __future__ import annotations

import os

from hud.capabilities import Capability
from hud.environment import Environment

env = Environment(name="tunnel", version="1.0.0")
env.add_capability(Capability("stream", "stream/1", f"stream://127.0.0.1:{os.environ['BENCH_STREAM_PORT']}", {}))
