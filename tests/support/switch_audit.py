"""Parts of the audit of a switch that tests ask for: the findings alone, and the system alone."""

from clusterlb.audit.detect import recognise
from clusterlb.audit.finding import Finding
from clusterlb.audit.switch import report
from clusterlb.render.switch import SwitchError, SwitchFacts, System


def audit_switch(text: str, file: str, facts: SwitchFacts, system: System | None = None) -> list[Finding]:
    """Return the findings, in the order of the text's lines."""
    return report(text, file, facts, system).findings


def detect(text: str) -> System | None:
    """Return the system that wrote a configuration, None if no line tells, or if the system is not read."""
    try:
        return recognise(text, "", None).system
    except SwitchError:
        return None
