"""perfkit: record a running process, analyse the recording, know what it cost.

An application speaks with event, span, gauge and timed; they are loaded when they are first used.
"""

from perfkit.version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from perfkit.sdk import event as event
    from perfkit.sdk import gauge as gauge
    from perfkit.sdk import span as span
    from perfkit.sdk import timed as timed

_OF_THE_SDK = ("event", "gauge", "span", "timed")


def __getattr__(name: str) -> object:
    if name not in _OF_THE_SDK:
        raise AttributeError(f"module 'perfkit' has no attribute {name!r}")
    here = globals()
    try:
        from perfkit import sdk

        here.update({each: getattr(sdk, each) for each in _OF_THE_SDK})
    except (AttributeError, KeyError):
        # a signal handler that speaks while its own thread is loading the SDK: that once, unheard;
        # a KeyError where it interrupts the interpreter taking an import lock, which is not made
        # for that
        return _Unheard if name == "span" else _unheard
    # done: the interpreter finds names faster in a module without this function (20 ns of a call)
    here.pop("__getattr__", None)
    return here[name]


class _Unheard:
    """A span that nobody hears of."""

    def __init__(self, *_: object, **__: object) -> None: ...

    set = __init__

    def __enter__(self) -> "_Unheard":
        return self

    def __exit__(self, *_: object) -> None: ...


def _unheard(*_: object, **__: object) -> object:
    return lambda function: function  # of timed()


def __dir__() -> list[str]:
    return sorted([*globals(), *_OF_THE_SDK])
