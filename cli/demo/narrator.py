"""How a journey is told: numbered steps on a terminal as they happen, a list of them in JSON."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.markup import escape


@dataclass(frozen=True)
class Step:
    """One thing that happened: what was asked, what came back, and after how many seconds."""

    title: str
    outcome: str
    seconds: float


@dataclass
class Narrator:
    """Shows each step when it is over, and remembers it."""

    console: Console
    steps: list[Step] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def tell(self, title: str, *outcome: str) -> None:
        """Report a finished step; further lines of the outcome are shown below the first."""
        now = time.monotonic()
        self.steps.append(Step(title, "\n".join(outcome), round(now - self._began, 3)))
        self._began = now
        self.console.print(f"[bold cyan]{len(self.steps):>2}[/]  [bold]{escape(title)}[/]")
        for line in outcome:
            self.console.print(f"    {escape(line)}")

    def as_list(self) -> list[dict[str, object]]:
        """Return the steps, ready for JSON."""
        return [asdict(step) for step in self.steps]
