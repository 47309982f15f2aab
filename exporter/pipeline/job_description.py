"""What is to be exported: from which account, which campaigns, to where, and how."""

from __future__ import annotations

import msgspec

from exporter.errors import InputError
from exporter.events import Emit, Warned
from exporter.ids.campaign_ids import CampaignIds
from exporter.options import FetchOptions, Locations, SnapshotOptions
from exporter.settings import Settings

BY_LIST = "list:"
"""What `source` of the IDs begins with in a manifest, where the list call gave them; the type follows."""


class ExportJob(msgspec.Struct, frozen=True):
    """One snapshot to take. `ids` None: all campaigns that the list call finds."""

    ids: CampaignIds | None
    settings: Settings
    locations: Locations
    fetch: FetchOptions = FetchOptions()
    options: SnapshotOptions = SnapshotOptions()

    def needs_list(self) -> bool:
        """Whether a list pass is made. Raises `InputError` when it must and may not."""
        options = self.options
        if options.list_pass == "never" and (self.ids is None or options.incremental):
            what = "--incremental" if options.incremental else "snapshot without IDS"
            instead = "drop one of the two" if options.incremental else "give IDS, or drop --list"
            raise InputError(f"{what} needs the list call, and --list never forbids it: {instead}.")
        return options.list_pass == "always" or self.ids is None or options.incremental

    def warn_of_ids(self, emit: Emit) -> None:
        """Say what the user should know of the IDs."""
        for warning in self.ids.warnings if self.ids is not None else ():
            emit(Warned(warning))
