"""The package's SSH client, and the tools of its agents over it, in a workspace of ours."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import asyncssh
from hud.agents.claude.tools.coding import ClaudeBashTool, ClaudeTextEditorTool
from hud.agents.gemini.tools.coding import GeminiShellTool
from hud.agents.gemini.tools.filesystem import GeminiListTool
from hud.agents.openai.tools.coding import OpenAIShellTool
from hud.agents.openai_compatible.tools.filesystem import EditTool, GlobTool, GrepTool, ReadTool, WriteTool
from hud.eval.file_tracking import FileTrackingClient

from hands import refuses, says, shell, still_works, text_of, tool, world
from support import case, contains, equal, until


@case("the manifest tells of a bash in a sandbox, and where it starts")
async def _() -> None:
    async with world() as client:
        found = client.binding("ssh/2")
        equal((found.name, found.params["shell"], found.params["isolation"]), ("shell", "bash", "bwrap"), "shell")
        async with shell() as ssh:
            equal(await says(ssh, "pwd"), (found.params["cwd"] + "\n", "", 0), "where commands start")


@case("a command's output, errors and exit code arrive apart")
async def _() -> None:
    async with shell() as ssh:
        equal(await says(ssh, "echo out; echo err >&2; exit 7"), ("out\n", "err\n", 7), "result")
        equal(await says(ssh, "true"), ("", "", 0), "silence")
        _, errors, code = await says(ssh, "no-such-program")
        contains(errors, "no-such-program: command not found")
        equal(code, 127, "exit code")


@case("output that is no UTF-8 is replaced, not an error")
async def _() -> None:
    async with shell() as ssh:
        equal(await says(ssh, r"printf 'a\377\376b\303c'"), ("a\ufffd\ufffdb\ufffdc", "", 0), "text")
        raw = await ssh.run(r"printf 'a\377\000b'", encoding=None)
        equal(raw.stdout, b"a\xff\x00b", "bytes")


@case("files are written, read and listed, whatever they are called")
async def _() -> None:
    async with shell() as ssh:
        names = [".hidden", "a b.txt", "empty", "it's", "tagé"]
        await ssh.run("mkdir files", check=True)
        for name in names:
            content = "" if name == "empty" else f"{name}\nno end of line: é"
            await ssh.write_text(f"files/{name}", content)
            equal(await ssh.read_text(f"files/{name}"), content, name)
        equal(await ssh.listdir("files"), sorted(names), "listing")
        equal(await ssh.listdir("/workspace/files"), sorted(names), "absolute listing")


@case("a large file comes back byte for byte")
async def _() -> None:
    async with shell() as ssh:
        text = "0123456789abcdé\n" * 500_000
        await ssh.write_text("large", text)
        data = await ssh.read_bytes("large")
        equal(hashlib.sha256(data).hexdigest(), hashlib.sha256(text.encode()).hexdigest(), "hash")


@case("a file operation that fails says what the shell said")
async def _() -> None:
    async with shell() as ssh:
        error = await refuses(ssh.read_text("/workspace/none"), asyncssh.ProcessError)
        contains(str(getattr(error, "stderr", "")), "No such file or directory")
        error = await refuses(ssh.write_text("/usr/new", "x"), asyncssh.ProcessError)
        contains(str(getattr(error, "stderr", "")), "Read-only file system")
        await still_works(ssh)


@case("a command that takes too long is ended, and the next one works")
async def _() -> None:
    async with shell() as ssh:
        started = time.monotonic()
        await refuses(ssh.run("sleep 4711", timeout=0.5), TimeoutError)
        equal(time.monotonic() - started < 6, True, "the client got free within 6 s")

        async def is_gone() -> bool:
            found, _, _ = await says(ssh, "grep -l '^sleep.4711' -a /proc/[0-9]*/cmdline 2>/dev/null")
            return found == ""

        await until(is_gone, "the sleep has ended")
        await still_works(ssh)


@case("a job in the background that holds the output doesn't hold the command, and lives on")
async def _() -> None:
    async with shell() as ssh:
        started = time.monotonic()
        equal(await says(ssh, "sleep 4712 & echo started"), ("started\n", "", 0), "result")
        seconds = time.monotonic() - started
        equal(seconds < 5, True, f"the command closed within 5 s ({seconds:.1f})")
        found, _, _ = await says(ssh, "grep -l '^sleep.4712' -a /proc/[0-9]*/cmdline 2>/dev/null")
        contains(found, "/proc/")
        await ssh.run("pkill -f '^sleep 4712'")


@case("a shell that kills itself has an exit status")
async def _() -> None:
    async with shell() as ssh:
        _, _, code = await says(ssh, "kill -9 $$")
        equal(code in (-9, 137), True, f"exit status {code}")
        await still_works(ssh)


@case("SFTP, forwarding and an unknown subsystem are refused, and the connection stays usable")
async def _() -> None:
    async with shell() as ssh:
        await refuses(ssh.conn.start_sftp_client())
        await refuses(ssh.conn.open_connection("127.0.0.1", 22))
        await refuses(ssh.conn.create_process(subsystem="netconf"))
        await refuses(ssh.conn.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 22))
        await still_works(ssh)


@case("eight commands at once don't mix")
async def _() -> None:
    async with shell() as ssh:
        results = await asyncio.gather(*(says(ssh, f"sleep 0.{n}; echo {n}; echo {n} >&2; exit {n}") for n in range(8)))
        equal(results, [(f"{n}\n", f"{n}\n", n) for n in range(8)], "results")


@case("input is streamed both ways while a command runs")
async def _() -> None:
    async with shell() as ssh:
        process = await ssh.create_process("while read -r line; do echo \"got $line\"; done; echo end")
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            equal(await process.stdout.readline(), b"got " + word + b"\n", "echo")
        process.stdin.write_eof()
        equal(await process.stdout.read(), b"end\n", "after the end of input")
        equal((await process.wait()).returncode, 0, "exit code")


@case("a terminal has the size that was asked for, also after it changes")
async def _() -> None:
    async with shell() as ssh:
        script = "stty size; read -r _; stty size; tty"
        process = await ssh.conn.create_process(script, term_type="xterm", term_size=(100, 40))
        equal((await process.stdout.readline()).strip(), "40 100", "size")
        process.change_terminal_size(120, 50)
        await asyncio.sleep(0.2)
        process.stdin.write("\n")
        rest = await process.stdout.read()
        contains(rest, "50 120", "/dev/pts/")


@case("a dropped connection is made again for the next command")
async def _() -> None:
    async with shell() as ssh:
        await ssh.run("echo kept > kept")
        ssh.conn.abort()
        await ssh.conn.wait_closed()
        equal(await says(ssh, "cat kept"), ("kept\n", "", 0), "the next command")


@case("twenty megabytes of output are whole")
async def _() -> None:
    async with shell() as ssh:
        done = await ssh.run("head -c 20000000 /dev/zero | tr '\\0' x", encoding=None)
        equal((len(done.stdout), set(done.stdout[:1000])), (20_000_000, {ord("x")}), "bytes")


# ─── tools of the package's agents ─────────────────────────────────────────


@case("Claude's bash and editor work")
async def _() -> None:
    async with shell() as ssh:
        bash, editor = tool(ClaudeBashTool, ssh), tool(ClaudeTextEditorTool, ssh)
        path = "/workspace/claude.txt"

        async def edit(command: str, **more: Any) -> Any:
            return await editor.execute({"command": command, "path": path, **more})

        text_of(await edit("create", file_text="one\ntwo\n"))
        text_of(await edit("str_replace", old_str="two", new_str="2"))
        text_of(await edit("insert", insert_line=1, new_str="1.5"))
        equal(text_of(await edit("view")), "one\n1.5\n2\n", "the file")
        contains(text_of(await edit("str_replace", old_str="none", new_str=""), is_error=True), "not found")
        contains(text_of(await bash.execute({"command": f"wc -l < {path}"})), "3", "(exit 0)")
        contains(text_of(await bash.execute({"command": "exit 3"}), is_error=True), "(exit 3)")


@case("OpenAI's shell works, with a deadline of its own")
async def _() -> None:
    async with shell() as ssh:
        run = tool(OpenAIShellTool, ssh, "gpt-5.5")
        done = await run.execute({"commands": ["echo one", "exit 4"], "timeout_ms": 5000})
        first, second = done.structuredContent["output"]
        equal((first["stdout"], first["outcome"]["exit_code"]), ("one\n", 0), "echo")
        equal(second["outcome"]["exit_code"], 4, "exit code")
        late = await run.execute({"commands": ["sleep 30"], "timeout_ms": 500})
        equal(late.structuredContent["output"][0]["outcome"]["exit_code"], 124, "out of time")


@case("Gemini's shell starts in the folder that it names")
async def _() -> None:
    async with shell() as ssh:
        run = tool(GeminiShellTool, ssh, "gemini-3.5-pro")
        await ssh.run("mkdir -p 'sub folder'", check=True)
        contains(text_of(await run.execute({"command": "pwd", "dir_path": "sub folder"})), "/workspace/sub folder")


@case("the file tools for other models write, edit, read, find and list")
async def _() -> None:
    async with shell() as ssh:
        folder = "/workspace/tree"
        await ssh.run(f"mkdir -p {folder}/deep", check=True)

        async def call(kind: Any, **arguments: Any) -> str:
            return text_of(await tool(kind, ssh, "some-model").execute(arguments))

        await call(WriteTool, filePath=f"{folder}/deep/a.py", content="hay\nneedel\n")
        await call(EditTool, filePath=f"{folder}/deep/a.py", oldString="needel", newString="needle")
        contains(await call(ReadTool, filePath=f"{folder}/deep/a.py"), "hay", "needle")
        contains(await call(GrepTool, pattern="needle", path=folder), "a.py", "needle")
        contains(await call(GlobTool, pattern="*.py", path=folder), "a.py")
        contains(await call(ReadTool, filePath=folder), "deep")
        equal(text_of(await tool(GeminiListTool, ssh).execute({"dir_path": folder})), "deep", "Gemini's list")


# ─── changes of files ──────────────────────────────────────────────────────


@case("file tracking tells set-up from what the agent changed, and keeps finished documents")
async def _() -> None:
    async with world() as client, shell() as ssh:
        found = client.binding("filetracking")
        equal(found.params.get("setup_diff"), True, "set-up is told apart")
        tracking = await FileTrackingClient.connect(found)
        try:
            await ssh.run("mkdir -p tracked && echo one > tracked/seed.txt", check=True)
            contains(repr(await tracking.call("setup")), "tracked/seed.txt")
            contains(repr(await tracking.call("snapshot")), "tracked/seed.txt")
            await ssh.run("echo two >> tracked/seed.txt; echo SECRET=1 > tracked/.env; echo '<p>hi</p>' > tracked/page.html", check=True)
            diff = await tracking.call("diff")
            contains(repr(diff), "+two", "tracked/.env", "tracked/page.html")
            equal("SECRET=1" in repr(diff), False, "a secret is told")
            equal((await tracking.call("diff"))["files_changed"], 0, "told twice")
            await ssh.run("rm tracked/seed.txt", check=True)
            flush = await tracking.call("flush")
            contains(repr(flush["diff"]), "tracked/seed.txt")
            contains(repr(flush["capture"]), "tracked/page.html")
        finally:
            await tracking.close()

