"""The doctor: says what is amiss in a folder and what it means, and repairs what needs no guess.

It never touches a signed byte, and where one was changed it changes nothing at all.
"""

from theater.doctor.diagnosis import Complaint, Diagnosis
from theater.doctor.examining import examine

__all__ = ["Complaint", "Diagnosis", "examine"]
