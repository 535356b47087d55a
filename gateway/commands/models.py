"""`isthmus models`: what a configuration serves."""

from argparse import Namespace

from config.mistakes import ConfigError
from gateway.commands.configuration import complain, file_of, read
from gateway.commands.welcome import served


def run(arguments: Namespace) -> int:
    """List the models."""
    try:
        config = read(file_of(arguments))
    except ConfigError as error:
        return complain(error)
    for name, what in served(config):
        print(f"{name}\t{what}")
    return 0
