"""perfkit: record a running process, analyse the recording, know what it cost."""

from perfkit.version import __version__ as __version__
