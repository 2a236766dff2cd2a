"""The structures of the protocol, as typed dictionaries."""

from ._generated import *
