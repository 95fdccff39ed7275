"""Finding the bots that a command is to run: ``module:name``, ``path/to/file.py:name``, or less."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from blazebot.bot.bot import Bot
from blazebot.bot.running import left_to_caller
from blazebot.errors import TargetError

SUFFIX = ".py"


def load_bot(target: str) -> Bot:
    """Import what ``target`` names and return its bot.

    ``target`` is a module as ``import`` names it, found from the current folder too, or the path of
    a file; after a colon may stand the bot's name in there, else it is the only one. ``bot.run()``
    in there is left to the caller.

    Raises:
        TargetError: there is no such module or file, or no such bot in it.
        Exception: what the module's own code raises.
    """
    source, _, name = target.partition(":")
    with left_to_caller():
        module = _module_of_file(source) if source.endswith(SUFFIX) else _module(source)
    return _named(module, name, source) if name else _only(module, source)


def source_folder(target: str) -> Path:
    """Return the folder in which the source of ``target`` stands, as far as its name tells."""
    source = target.partition(":")[0]
    return Path(source).resolve().parent if source.endswith(SUFFIX) else Path.cwd()


def _module(name: str) -> ModuleType:
    _find_from(Path.cwd())  # as `python -m` does
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Not to be confused with a module that this one misses.
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise TargetError(
                f"there is no module {error.name!r}, from {Path.cwd()} or installed: give "
                "package.module:name or path/to/file.py:name"
            ) from None
        raise
    except (TypeError, ValueError):
        if name and not name.startswith("."):
            raise
        raise TargetError(f"{name!r} is no module's name") from None


def _module_of_file(source: str) -> ModuleType:
    path = Path(source).resolve()
    if not path.is_file():
        raise TargetError(f"there is no file {source}")
    _find_from(path.parent)  # as `python path/to/file.py` does
    known = sys.modules.get(path.stem)
    if known is not None:
        if getattr(known, "__file__", None) == str(path):
            return known
        raise TargetError(f"{source} would hide the module {path.stem!r}: give it another name")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise TargetError(f"{source} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _find_from(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _named(module: ModuleType, name: str, source: str) -> Bot:
    try:
        found = getattr(module, name)
    except AttributeError:
        raise TargetError(f"{source} has no {name!r}{_advice(module, source)}") from None
    if not isinstance(found, Bot):
        kind = type(found).__name__
        raise TargetError(f"{source}: {name} is no Bot but a {kind}{_advice(module, source)}")
    return found


def _only(module: ModuleType, source: str) -> Bot:
    bots = {id(bot): bot for bot in _bots(module).values()}
    if len(bots) != 1:
        how_many = "several bots" if bots else "no Bot"
        raise TargetError(f"{source} has {how_many}{_advice(module, source)}")
    return next(iter(bots.values()))


def _bots(module: ModuleType) -> dict[str, Bot]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Bot)}


def _advice(module: ModuleType, source: str) -> str:
    names = [f"{source}:{name}" for name in _bots(module)]
    return f": give {' or '.join(names)}" if names else ""
