"""Verifying a theater's folder: is what it holds what was signed?"""

from theater.verify.report import Finding, Removal, Report
from theater.verify.steps import unreadable, verify

__all__ = ["Finding", "Removal", "Report", "unreadable", "verify"]
