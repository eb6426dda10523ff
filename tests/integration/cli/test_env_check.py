"""`env check`: what it sees on a healthy environment, and what on each broken one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import Checkout
