"""Several command lines of the Python package, each in a process of its own that has the package imported already.

python platform_lines.py '[{"args": ["jobs", "list"], "cwd": "/tmp/x"}, …]'

Writes one JSON list of {code, stdout, stderr} on stdout.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from importlib.metadata import entry_points
from typing import Any, Callable

LIMIT_SECONDS = 50


def finished(main: Callable[[], Any], args: list[str], cwd: str) -> dict[str, Any]:
    """The line as a shell would have run it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.chdir(cwd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            signal.alarm(LIMIT_SECONDS)
            sys.argv = ["hud", *args]
            os._exit(code_of(main))
        _, status = os.waitpid(child, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        return {"code": os.waitstatus_to_exitcode(status), "stdout": texts[0], "stderr": texts[1]}


def code_of(main: Callable[[], Any]) -> int:
    try:
        main()
        code: Any = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 0 if code is None else 1


def main() -> None:
    [script] = entry_points(group="console_scripts", name="hud")
    hud = script.load()
    lines = json.loads(sys.argv[1])
    print(json.dumps([finished(hud, line["args"], line["cwd"]) for line in lines]))


if __name__ == "__main__":
    main()
