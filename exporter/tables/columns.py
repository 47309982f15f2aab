"""The table of columns: the name of each, the place of its value in an answer, how it is read.

Each fact is here once. The Arrow schemas and their field metadata, the flattening, the CSV header and the
data dictionary (`campaign-export schema`) are all made from it.

To add a column: one entry here, from which the rest of the program follows, and `SCHEMA_VERSION` raised by one. What
its tests and documents need is in `exporter/README.md`.

A path is below `data` of the answer to get-one, or below one item of the list call where it begins with
`list:`. Of several the first that holds a value wins. `[]` ends the part that is found by walking: what is
below is read as a whole by the column's converter.

A source is the vendor's page (in the public repository Koredotcom/docs-v2, folder
`ai-for-service/apis/contact-center/`) and what the page has there: words, or only a sample.
"""

from __future__ import annotations

from functools import cache

import msgspec
import pyarrow as pa

from exporter.model import TableName
from exporter.tables import converters
from exporter.tables.converters import Converter
from exporter.tables.json_leaves import LIST
from exporter.tables.timestamps import TIME
from exporter.tables.weekdays import WEEKDAY_NAMES, WEEKDAYS

SCHEMA_VERSION = 2
"""Raised by one whenever a column is added, renamed, retyped, removed or read differently.

Without that, older snapshots cannot be read any more: one of today's version must have exactly today's columns. Of one
of an older version `campaigns` and `calling_windows` are made again from the stored responses; `responses` and
`failures`, which nothing can make again, get nulls for the columns that they do not have, so a column added to these
two may not be required.
"""

STRING = pa.string()
STRINGS = pa.list_(pa.string())
INT8, INT16, INT32, INT64 = pa.int8(), pa.int16(), pa.int32(), pa.int64()
BOOL = pa.bool_()


Paths = tuple[str, ...]
"""The places in an answer of a column's value, down to where its converter takes over, in order of precedence."""


@cache
def answer_paths(path: str) -> Paths:
    """The paths of the answer in a column's path; columns with the same ones share their values."""
    paths = path.split(" | ") if path else []
    return tuple(part.split("[]")[0] for part in paths if not part.startswith(LIST))


class Column(msgspec.Struct, frozen=True):
    """One column. `converter` is None where a column is made of several values, in `flatten`."""

    name: str
    type: pa.DataType
    path: str
    converter: Converter | None
    source: str
    description: str
    required: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths in order of precedence; none for what is made here."""
        return tuple(self.path.split(" | ")) if self.path else ()

    @property
    def answer_paths(self) -> Paths:
        """Those of the answer, down to where the converter takes over."""
        return answer_paths(self.path)

    @property
    def list_key(self) -> str | None:
        """The key of the list item that fills it where the answer does not."""
        return next((path.removeprefix(LIST) for path in self.paths if path.startswith(LIST)), None)


_SMS = "get-sms-campaign-by-id-v2"
_VOICE = "get-voice-campaign-by-id-v2"
_LIST = "get-all-campaigns-v2"
_SCHEDULE = "enable-voice-or-sms-campaign-schedule-weekly"
_DAILY = "enable-voice-or-sms-campaign-schedule-daily"
_OURS = "made by campaign-export"

_DIALING = "dialingStrategy"
CALLING_HOURS = "dialingStrategy.callingHours"
MESSAGE = "message.message"


def _wherever(*keys: str) -> str:
    """The keys of a schedule in every place where they may be: no published answer shows an enabled schedule."""
    parents = ("schedule.recurrenceObject.", "schedule.", "recurrenceObject.", "")
    return " | ".join(parent + key for key in keys for parent in parents)


CAMPAIGNS = (
    Column("campaign_id", STRING, "_id | id | campId", None, f"{_SMS}, sample",
           "The campaign's ID, as it was asked for.", required=True),
    Column("campaign_type", STRING, "", None, _OURS,
           "sms or voice: the type asked of the list call, else inferred from the keys that are there."),
    Column("name", STRING, "name", converters.TEXT, f"{_SMS}, sample", "The campaign's name; free text, no key."),
    Column("lname", STRING, "lname", converters.TEXT, f"{_SMS}, sample", "The name in lower case."),
    Column("description", STRING, "description", converters.TEXT, f"{_SMS}, sample", "What it is for."),
    Column("status", STRING, "status", converters.TEXT, f"{_LIST}, table",
           "The campaign's status, such as Ready, Active, Paused, Completed; an open set."),
    Column("priority", INT8, "priority", converters.whole_number(8), f"{_SMS}, sample",
           "5 is highest; string or number in the answer."),
    Column("format", STRING, "format | direction", converters.TEXT, f"{_SMS}, sample",
           "SMS: simple or advanced. Older answers call it direction."),
    Column("dialing_mode", STRING, "dialingMode", converters.TEXT, f"{_VOICE}, sample",
           "Voice: Agentless, Progressive, Preview, Power."),
    Column("experience_flow", STRING, "experienceFlow", converters.TEXT, f"{_SMS}, sample", "ID of the flow."),
    Column("connection", STRING, "connection | list:connection", converters.TEXT, f"{_LIST}, sample",
           "Voice: name of the queue or, when agentless, of the flow."),
    Column("queue_name", STRING, "queue_name", converters.TEXT, "create-voice-campaign-progressive-v2, request",
           "Voice: name of the queue."),
    Column("contact_lists", STRINGS, "contactLists[]", converters.NAMES, f"{_SMS}, sample",
           "Names of the contact lists; of an object its name, else its id."),
    Column("dnc_list_ids", STRINGS, "dncLists[].id", converters.DNC_IDS, f"{_VOICE}, sample",
           "IDs of the do-not-contact lists, null for one that has only a name."),
    Column("dnc_list_names", STRINGS, "dncLists[].name", converters.DNC_NAMES, f"{_SMS}, sample",
           "Names of the same lists in the same order, null for one that has only an ID."),
    Column("caller_id_phone_number", STRING, f"{_DIALING}.callerId.phoneNumber", converters.TEXT_OR_INTEGER,
           f"{_SMS}, sample", "Number or sender ID that contacts see; text, never a number."),
    Column("calling_hours_frequency", STRING, f"{CALLING_HOURS}.frequency", converters.TEXT, f"{_SMS}, sample",
           "WEEKLY, DAILY or CUSTOM."),
    Column("calling_hours_timezone", STRING, f"{CALLING_HOURS}.timezone", converters.TEXT, f"{_SMS}, sample",
           "Time zone of the calling hours, as given; parse_issues names one that is no IANA zone."),
    *(
        Column(f"calling_hours_{day.lower()}", STRING, f"{CALLING_HOURS}.days[]", None, f"{_SMS}, sample",
               f"Windows of {name}: 09:00-18:00, several with ; between; 24:00 is the day's end, "
               "22:00-02:00 runs into the next day; null: none that day.")
        for day, name in zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)
    ),
    Column("calling_hours_minutes_per_week", INT32, f"{CALLING_HOURS}.days[]", None, _OURS,
           "Minutes of a week in which sending is allowed, overlaps counted once; a lower bound where parse_issues "
           "says that another window could not be read."),
    Column("dialing_order", STRING, f"{_DIALING}.dialingOrder", converters.TEXT, f"{_VOICE}, table",
           "Voice: FIFO or LIFO."),
    Column("max_attempts_per_record", INT32, f"{_DIALING}.maxAttemptsPerRecord", converters.whole_number(32),
           f"{_VOICE}, table", "Voice: calls to one contact, 1 to 100."),
    Column("default_retry_period", INT32, f"{_DIALING}.defaultRetryPeriod", converters.whole_number(32),
           f"{_VOICE}, table", "Voice: minutes between two calls to one contact."),
    Column("max_ring_time", INT32, f"{_DIALING}.maxRingTime", converters.whole_number(32), f"{_VOICE}, table",
           "Voice: seconds."),
    Column("use_system_mappings", BOOL, f"{_DIALING}.useSystemMappings", converters.FLAG, f"{_VOICE}, sample",
           "Voice; the vendor does not say what it means."),
    Column("max_skips", INT32, f"maxSkips | {_DIALING}.maxSkips", converters.whole_number(32),
           "create-voice-campaign-preview-v2, table", "Voice, preview: contacts that an agent may skip."),
    Column("enable_machine_detect", STRING, "enableMachineDetect", converters.TEXT_OR_FLAG,
           "get-voice-campaign-by-id, sample", "true, false, no, detect or disconnect."),
    Column("is_imported", BOOL, "isImported", converters.FLAG, f"{_SMS}, sample", "Whether it was imported."),
    Column("is_filters_enabled", BOOL, "isFiltersEnabled", converters.FLAG, f"{_SMS}, sample",
           "Whether filters on contact columns are switched on."),
    Column("schedule_is_scheduling_enabled", BOOL, "schedule.isSchedulingEnabled", converters.FLAG,
           f"{_SMS}, sample", "Whether it starts by a schedule."),
    Column("schedule_is_recurrence_enabled", BOOL, "schedule.isRecurrenceEnabled", converters.FLAG,
           f"{_SMS}, sample", "Whether the schedule recurs."),
    Column("schedule_start_date_time", STRING, "schedule.startDateTime | startDateTime", converters.DATE_TIME,
           f"{_SCHEDULE}, request", "ISO 8601; with Z or an offset only if the answer had one."),
    Column("schedule_end_date_time", STRING, "schedule.endDateTime | endDateTime", converters.DATE_TIME,
           f"{_SCHEDULE}, request", "ISO 8601; with Z or an offset only if the answer had one."),
    Column("schedule_timezone", STRING, "schedule.timezone", converters.TEXT, "user guide",
           "Time zone of the schedule, as given."),
    Column("schedule_recur_type", STRING, _wherever("recurType"), converters.TEXT, f"{_SCHEDULE}, request",
           "Daily or Weekly; the product also knows Monthly and Yearly."),
    Column("schedule_once_every_n_days", INT32, _wherever("dailyDetails.onceEveryNdays", "onceEveryNdays"),
           converters.whole_number(32), f"{_DAILY}, request", "Daily: every N days."),
    Column("schedule_once_every_n_weeks", INT32,
           _wherever("weeklyDetails.onceEveryNweeks", "dailyDetails.onceEveryNweeks", "onceEveryNweeks"),
           converters.whole_number(32), f"{_SCHEDULE}, request", "Weekly: every N weeks."),
    Column("schedule_which_days", STRINGS,
           _wherever("weeklyDetails.whichDays[]", "dailyDetails.whichDays[]", "whichDays[]"),
           converters.WHICH_DAYS, f"{_SCHEDULE}, request", "Weekly: MO … SU, in week order."),
    Column("message_text", STRING, MESSAGE, None, "create-sms-campaign-using-template-v2, table",
           "SMS, simple: the message, decoded where it is Base64 beyond doubt."),
    Column("message_encoding", STRING, MESSAGE, None, _OURS,
           "How the message came: plain, base64 or percent_base64."),
    Column("message_raw", STRING, MESSAGE, converters.TEXT, f"{_LIST}, sample", "The message as it came."),
    Column("message_template_id", STRING, "message.templateId", converters.TEXT_NOT_EMPTY, f"{_LIST}, sample",
           "ID of the message template; an empty one becomes null."),
    Column("message_template_name", STRING, "message.template_name", converters.TEXT, f"{_LIST}, sample",
           "Name of the message template."),
    Column("campaign_instance_id", STRING, "campaignInstanceId | list:campaignInstanceId", converters.TEXT,
           f"{_LIST}, sample", "ID of the last run; there once it has run."),
    Column("campaign_instance_updated_at", TIME, "campaignInstanceUpdatedAt | list:campaignInstanceUpdatedAt",
           converters.INSTANT, f"{_LIST}, sample", "When the last run changed."),
    Column("campaign_execution_type", STRING, "campaignExecutionType | list:campaignExecutionType",
           converters.TEXT, f"{_LIST}, sample", "NORMAL, or the word for an emergency run."),
    Column("total_messages_sent", INT64, "totalMessagesSent | list:totalMessagesSent",
           converters.whole_number(64), f"{_LIST}, sample", "SMS: messages sent so far."),
    Column("total_calls_completed", INT64, "totalCallsCompleted", converters.whole_number(64),
           "start-voice-campaign-v2, sample", "Voice: calls completed so far."),
    Column("created_at", TIME, "createdAt", converters.INSTANT, f"{_SMS}, sample", "When it was created."),
    Column("updated_at", TIME, "updatedAt", converters.INSTANT, f"{_SMS}, sample",
           "When it was last changed; may lie a little before created_at."),
    Column("extra", STRING, "", None, _OURS,
           "JSON object of all that no column takes: dotted path and value; null when there is nothing."),
    Column("parse_issues", STRINGS, "", None, _OURS,
           "What could not be read as its column's type, or only with a guess; null when there is nothing."),
    Column("fetched_at", TIME, "", None, _OURS, "When this answer came.", required=True),
    Column("carried_from", STRING, "", None, _OURS,
           "Snapshot from which the answer was carried over; null: fetched in this run."),
)  # fmt: skip

_DAY = f"{CALLING_HOURS}.days[]"

CALLING_WINDOWS = (
    Column("campaign_id", STRING, "", None, _OURS, "The campaign's ID.", required=True),
    Column("name", STRING, "name", None, f"{_SMS}, sample", "The campaign's name."),
    Column("status", STRING, "status", None, f"{_LIST}, table", "The campaign's status."),
    Column("day", STRING, f"{_DAY}.day", None, f"{_SMS}, table", "MO … SU."),
    Column("day_of_week", INT8, f"{_DAY}.day", None, _OURS, "ISO weekday: 1 Monday … 7 Sunday."),
    Column("start_time", STRING, f"{_DAY}.start", None, f"{_SMS}, sample", "Start in 24-hour form: 09:00."),
    Column("end_time", STRING, f"{_DAY}.end", None, f"{_SMS}, sample",
           "End in 24-hour form; 24:00 is the day's end. Not after the start: on the next day."),
    Column("start_minute", INT16, f"{_DAY}.start", None, _OURS, "Minutes after the weekday's midnight."),
    Column("end_minute", INT16, f"{_DAY}.end", None, _OURS,
           "Minutes after the weekday's midnight; above 1440 on the next day."),
    Column("crosses_midnight", BOOL, "", None, _OURS, "Whether it ends on the next day, after midnight."),
    Column("timezone", STRING, f"{CALLING_HOURS}.timezone", None, f"{_SMS}, sample", "As given."),
    Column("raw_start", STRING, f"{_DAY}.start", None, f"{_SMS}, sample", "The start as it came."),
    Column("raw_end", STRING, f"{_DAY}.end", None, f"{_SMS}, sample", "The end as it came."),
)  # fmt: skip

RESPONSES = (
    Column("campaign_id", STRING, "", None, _OURS, "The campaign's ID.", required=True),
    Column("fetched_at", TIME, "", None, _OURS, "When this answer came.", required=True),
    Column("http_status", INT16, "", None, _OURS, "The answer's HTTP status.", required=True),
    Column("body", STRING, "", None, _OURS, "The answer's body as it came.", required=True),
    Column("list_item", STRING, "", None, _OURS,
           "The campaign's item of the list call, as JSON, where the run made one."),
    Column("list_type", STRING, "", None, _OURS, "sms or voice: the type asked of the list call."),
    Column("carried_from", STRING, "", None, _OURS,
           "Snapshot from which the answer was carried over; null: fetched in this run."),
)  # fmt: skip

FAILURES = (
    Column("campaign_id", STRING, "", None, _OURS, "The ID that gave no campaign.", required=True),
    Column("outcome", STRING, "", None, _OURS, "not_found, invalid or failed.", required=True),
    Column("http_status", INT16, "", None, _OURS, "HTTP status of the last answer; null: there was none."),
    Column("attempts", INT32, "", None, _OURS, "Number of requests for it.", required=True),
    Column("error", STRING, "", None, _OURS, "What went wrong, in one line.", required=True),
    Column("body_start", STRING, "", None, _OURS, "The first 500 characters of the last body."),
    Column("first_at", TIME, "", None, _OURS, "Time of the first request.", required=True),
    Column("last_at", TIME, "", None, _OURS, "Time of the last request.", required=True),
)  # fmt: skip


TABLES: dict[TableName, tuple[Column, ...]] = {
    "campaigns": CAMPAIGNS,
    "calling_windows": CALLING_WINDOWS,
    "responses": RESPONSES,
    "failures": FAILURES,
}
