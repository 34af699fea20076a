"""Tables of the room, one module per concept."""

from companies.models.api import ApiToken, IdempotentReply
from companies.models.audit import AuditEntry, AuditSeal
from companies.models.company import GONE, Company, CompanyStatus, Membership, Role, Site, StaffRole
from companies.models.document import Document
from companies.models.imports import EmployeeImport, ImportRow, ImportState
from companies.models.invitation import Application, Invitation
from companies.models.job import Heartbeat, Job, JobState
from companies.models.mail import OutboxMail
from companies.models.meeting import (
    MEETING,
    AgendaItem,
    Attendance,
    CalendarFeed,
    GroupMember,
    Meeting,
    MeetingDecision,
    MeetingDocument,
    MeetingState,
    WorkingGroup,
)
from companies.models.person import Employment, Person
from companies.models.user import NO_ADDRESS, User
from companies.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "GONE",
    "MEETING",
    "NO_ADDRESS",
    "AgendaItem",
    "ApiToken",
    "Application",
    "Attendance",
    "AuditEntry",
    "AuditSeal",
    "CalendarFeed",
    "Company",
    "CompanyStatus",
    "Document",
    "EmployeeImport",
    "Employment",
    "GroupMember",
    "Heartbeat",
    "IdempotentReply",
    "ImportRow",
    "ImportState",
    "Invitation",
    "Job",
    "JobState",
    "Meeting",
    "MeetingDecision",
    "MeetingDocument",
    "MeetingState",
    "Membership",
    "OutboxMail",
    "Person",
    "Role",
    "Site",
    "StaffRole",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkingGroup",
]
