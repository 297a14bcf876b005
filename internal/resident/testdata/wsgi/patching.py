"""Replaces functions of the standard library, as gevent.monkey does."""

import os
import select

os.fork = select.poll = None
