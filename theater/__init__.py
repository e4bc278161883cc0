"""Actors for asyncio whose every step is recorded, signed and provable."""

from theater.actor import Actor, handler
from theater.chain import Chain, ChainView
from theater.channels import Channel
from theater.checkpoint import Checkpoint, Note
from theater.compacting import Compacted, Removed, compact
from theater.content import ContentRef
from theater.context import Context
from theater.deferring import Reply
from theater.doctor import Complaint, Diagnosis, examine
from theater.effects import effect
from theater.errors import (
    ActorFailedError,
    ActorNotFoundError,
    AskCycleError,
    BrokenChainError,
    ChannelClosedError,
    ContentNotFoundError,
    CorruptContentError,
    CorruptJournalError,
    DeliveryError,
    DiskFullError,
    EffectFailedError,
    EffectInDoubtError,
    FolderError,
    FolderInUseError,
    ForgedError,
    HistoryCutError,
    JournalError,
    JournalFailedError,
    MailboxFullError,
    MalformedError,
    ManifestError,
    MissingError,
    NameTakenError,
    NotAllowedError,
    NotRecordedError,
    NotRunningError,
    Problem,
    ProofError,
    RefusedError,
    SetupError,
    SignatureError,
    StoreNotFoundError,
    TheaterError,
)
from theater.event import Event
from theater.grants import Grants
from theater.history import History
from theater.keys import SigningKey, VerifyKey
from theater.letters import DeadLetter, DeadLetters
from theater.livechain import LiveChain
from theater.mailbox import Message, Overflow
from theater.migrating import migrate
from theater.names import ALL, NONE
from theater.parting import Change, Parting
from theater.proof import EventProof
from theater.recorded import RecordedActor
from theater.ref import ActorRef
from theater.replaying import Replay
from theater.restart import (
    INITIAL,
    LAST_GOOD,
    ONE_FOR_ALL,
    ONE_FOR_ONE,
    PERMANENT,
    REST_FOR_ONE,
    TEMPORARY,
    TRANSIENT,
    Backoff,
    Directive,
    Reason,
    Restart,
    RestartLimit,
    Restore,
    Strategy,
)
from theater.resuming import LeftAlone, Resumed
from theater.retry import Retry
from theater.snapshots import Snapshots
from theater.statistics import Statistics
from theater.store import ContentStream, Store, Stores
from theater.streaming import Stream
from theater.supervision import ChildSpec, Supervision, child
from theater.system import Theater
from theater.timers import Timer
from theater.verify.report import Finding, Report

__all__ = [
    "ALL",
    "INITIAL",
    "LAST_GOOD",
    "NONE",
    "ONE_FOR_ALL",
    "ONE_FOR_ONE",
    "PERMANENT",
    "REST_FOR_ONE",
    "TEMPORARY",
    "TRANSIENT",
    "Actor",
    "ActorFailedError",
    "ActorNotFoundError",
    "ActorRef",
    "AskCycleError",
    "Backoff",
    "BrokenChainError",
    "Chain",
    "ChainView",
    "Change",
    "Channel",
    "ChannelClosedError",
    "Checkpoint",
    "ChildSpec",
    "Compacted",
    "Complaint",
    "ContentNotFoundError",
    "ContentRef",
    "ContentStream",
    "Context",
    "CorruptContentError",
    "CorruptJournalError",
    "DeadLetter",
    "DeadLetters",
    "DeliveryError",
    "Diagnosis",
    "Directive",
    "DiskFullError",
    "EffectFailedError",
    "EffectInDoubtError",
    "Event",
    "EventProof",
    "Finding",
    "FolderError",
    "FolderInUseError",
    "ForgedError",
    "Grants",
    "History",
    "HistoryCutError",
    "JournalError",
    "JournalFailedError",
    "LeftAlone",
    "LiveChain",
    "MailboxFullError",
    "MalformedError",
    "ManifestError",
    "Message",
    "MissingError",
    "NameTakenError",
    "NotAllowedError",
    "NotRecordedError",
    "NotRunningError",
    "Note",
    "Overflow",
    "Parting",
    "Problem",
    "ProofError",
    "Reason",
    "RecordedActor",
    "RefusedError",
    "Removed",
    "Replay",
    "Reply",
    "Report",
    "Restart",
    "RestartLimit",
    "Restore",
    "Resumed",
    "Retry",
    "SetupError",
    "SignatureError",
    "SigningKey",
    "Snapshots",
    "Statistics",
    "Store",
    "StoreNotFoundError",
    "Stores",
    "Strategy",
    "Stream",
    "Supervision",
    "Theater",
    "TheaterError",
    "Timer",
    "VerifyKey",
    "child",
    "compact",
    "effect",
    "examine",
    "handler",
    "migrate",
]
