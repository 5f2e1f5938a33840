"""What the program asks of the Python process that Pulumi starts it in: its signals, its garbage, the raw config."""

from __future__ import annotations

import gc
import signal
import threading

from pulumi.runtime import config as runtime_config


def prepare_process() -> None:
    """Fits the process to a program that ends with its stack. Called before the first resource."""
    _silence_sigint_traceback()
    _relax_garbage_collection()


def read_config() -> dict[str, object]:
    """Returns the whole stack config, of the engine or of an embedding host, so that unknown keys are found."""
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


def read_secret_keys() -> frozenset[str]:
    """Returns the keys of the config that contain a secret; the engine reports no more than the keys."""
    engine_keys = runtime_config.get_config_secret_keys_env()
    return frozenset(
        [*engine_keys, *(key for key in runtime_config.CONFIG.get() if runtime_config.is_config_secret(key))]
    )


def _silence_sigint_traceback() -> None:
    """Restores the default handling of SIGINT.

    After a failure the language host interrupts the program, and a traceback would bury the error message.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _relax_garbage_collection() -> None:
    """Makes garbage collection rarer.

    Hundreds of resources leave little garbage, but scanning them takes a fifth of the time otherwise.
    """
    gc.set_threshold(100_000, 50, 50)
