"""To try a bot: a sandbox process, people to talk with it, and what they see.

With pytest there are fixtures (``docs/testing.md``). Elsewhere:

    with running_sandbox(directory) as process:      # once, outside of any event loop
        ...
        async with Sandbox(process.url) as sandbox:  # for each test
            await sandbox.run(bot)
            alice = await sandbox.person("Alice")
            await alice.send("hi")
            assert (await alice.next()).text == "hello"
"""

from blazebot.testing.bots import RunBot, Runnable
from blazebot.testing.clock import Clock
from blazebot.testing.faults import Fault, FaultKind, Faults
from blazebot.testing.person import CreatePerson, Group, Person
from blazebot.testing.processes import SandboxProcess, running_sandbox
from blazebot.testing.sandbox import Sandbox
from blazebot.testing.seen import SeenMessage

__all__ = [
    "Clock",
    "CreatePerson",
    "Fault",
    "FaultKind",
    "Faults",
    "Group",
    "Person",
    "RunBot",
    "Runnable",
    "Sandbox",
    "SandboxProcess",
    "SeenMessage",
    "running_sandbox",
]
