"""The fingerprint of the host: what a recording's figures depend on beside the target."""

from __future__ import annotations

import os
from typing import Any


def fingerprint(proc: str = "/proc", sys: str = "/sys") -> dict[str, Any]:
    """CPU model, cores, memory, kernel, governor, virtualisation, container; unknown is absent."""
    system = os.uname()
    cpuinfo = _text(f"{proc}/cpuinfo")
    facts: dict[str, Any] = {
        "system": system.sysname,
        "kernel": system.release,
        "architecture": system.machine,
        "cores": os.cpu_count(),
        "cpu_model": _value(cpuinfo, "model name") or _value(cpuinfo, "Model"),
        "memory_bytes": _kilobytes(_value(_text(f"{proc}/meminfo"), "MemTotal")),
        "governor": _text(f"{sys}/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip(),
        "virtualisation": _virtualisation(cpuinfo, sys),
        "container": _container(proc),
    }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _virtualisation(cpuinfo: str, sys: str) -> str:
    product = _text(f"{sys}/class/dmi/id/product_name").strip()
    if " hypervisor" in _value(cpuinfo, "flags"):
        return product or "a hypervisor"
    return ""


def _container(proc: str) -> str:
    if os.path.exists("/.dockerenv"):
        return "docker"
    if os.path.exists("/run/.containerenv"):
        return "podman"
    for word in _text(f"{proc}/1/environ").split("\0"):
        if word.startswith("container="):
            return word.partition("=")[2]
    return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except OSError:
        return ""


def _value(text: str, key: str) -> str:
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _kilobytes(text: str) -> int | None:
    number = text.removesuffix("kB").strip()
    return int(number) * 1024 if number.isdigit() else None
