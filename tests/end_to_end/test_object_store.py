"""Snapshots on real servers of object stores: moto's S3, Azurite and fake-gcs-server, each in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pyarrow.fs as pafs
import pytest

import exporter
from exporter.errors import StorageFailed
from exporter.simulator.samples import sample_campaigns
from exporter.simulator.simulated_service import Behaviour
from exporter.snapshot_store import open_bucket
from exporter.snapshot_store.destination import Destination, NameTaken, Staging
from exporter.snapshot_store.open_destination import open_destination
from jobs import cli
from tests.support.at_failpoint import at_failpoint
from tests.support.forked_program import ForkedProgram
from tests.support.running import write_ids
from tests.support.serving import environment, serving
from tests.support.snapshots import ONE
from tests.support.store_proxy import Refusal, StoreProxy, store_proxy
from tests.support.stores import KINDS, RunningStore, running_store

pytestmark = pytest.mark.timeout(300)  # on Azurite, pyarrow's library now and then waits seconds for a delete


@pytest.fixture(scope="module")
def s3_store() -> Iterator[RunningStore]:
    with running_store("s3") as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def each_store(request: pytest.FixtureRequest) -> Iterator[RunningStore]:
    if request.param == "s3":
        yield request.getfixturevalue("s3_store")
    else:
        with running_store(request.param) as running:
            yield running


class Store:
    """A bucket, a service to export from, and the program, run in this process to be quick."""

    def __init__(
        self,
        running: RunningStore,
        tmp_path: Path,
        service: Behaviour,
        url: str,
        capfd: pytest.CaptureFixture[str],
        forked: ForkedProgram,
    ) -> None:
        self.running = running
        self.bucket = f"bucket-{abs(hash(tmp_path)) % 10**12}"
        running.make_bucket(self.bucket)
        self.fs = running.file_system()
        self.url = running.url(f"{self.bucket}/campaigns")
        self.service = service
        self.env = {**environment(url, tmp_path), **running.env}
        self.ids = write_ids(tmp_path / "ids.csv", service.campaigns)
        self._capfd = capfd
        self._forked = forked

    def command(self, *more: str) -> list[str]:
        return ["snapshot", str(self.ids), "--out", self.url, "--rate", "off", *more]

    def run(self, *arguments: str, **env: str) -> tuple[int, str]:
        """(exit code, what was told)."""
        with pytest.MonkeyPatch.context() as patched:
            for name, value in {**self.env, **env}.items():
                patched.setenv(name, value)
            self._capfd.readouterr()
            code = cli.run(list(arguments))
        out, err = self._capfd.readouterr()
        return code, out + err

    def good(self, *arguments: str) -> str:
        code, told = self.run(*arguments)
        assert code == 0, told
        return told

    def killed(self, step: str, *more: str) -> None:
        done = self._forked.run(*self.command(*more), env=self.env, prepare=at_failpoint(step))
        assert done.returncode == -9, done.stderr

    def open(self) -> Destination:
        return open_destination(self.url, environ=self.env)

    def files(self) -> list[str]:
        selector = pafs.FileSelector(f"{self.bucket}/campaigns", recursive=True, allow_not_found=True)
        return sorted(entry.path for entry in self.fs.get_file_info(selector) if entry.type == pafs.FileType.File)

    def manifests(self) -> list[str]:
        return [path for path in self.files() if path.endswith("manifest.json")]


@pytest.fixture
def service() -> Iterator[tuple[Behaviour, str]]:
    behaviour = Behaviour(sample_campaigns(20))
    with serving(behaviour) as url:
        yield behaviour, url


@pytest.fixture
def store(
    each_store: RunningStore, service: tuple[Behaviour, str], tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, forked: ForkedProgram,
) -> Store:  # fmt: skip
    for name, value in each_store.env.items():
        monkeypatch.setenv(name, value)  # where the stores' own libraries look
    return Store(each_store, tmp_path, *service, capfd, forked)


@pytest.fixture
def s3(
    s3_store: RunningStore, service: tuple[Behaviour, str], tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, forked: ForkedProgram,
) -> Store:  # fmt: skip
    for name, value in s3_store.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(open_bucket, "ATTEMPTS", 2)  # S3's library waits up to 1, 2, 4, 8 s before it tries again
    return Store(s3_store, tmp_path, *service, capfd, forked)


@pytest.fixture(scope="module")
def running_proxy(s3_store: RunningStore) -> Iterator[StoreProxy]:
    with store_proxy(s3_store.endpoint) as running:
        yield running


@pytest.fixture
def proxy(running_proxy: StoreProxy) -> StoreProxy:
    """It refuses nothing yet."""
    running_proxy.refuse(lambda _: None)
    return running_proxy


def test_everything_works_on_a_store_as_it_does_on_a_disk(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        store.good(*store.command("--format", "both"))
    names = {path.rsplit("/", 1)[1] for path in store.files()}
    assert names == {"campaigns.parquet", "campaigns.csv", "calling_windows.parquet", "calling_windows.csv",
                     "failures.parquet", "failures.csv", "responses.parquet", "manifest.json"}  # fmt: skip
    store.good("verify", store.url, "--all")
    store.good("diff", store.url, "--exit-code")
    store.good("rebuild", store.url)
    store.good("verify", store.url)
    store.good("report", store.url, "-o", str(tmp_path / "report.html"))
    store.good("plan", str(store.ids), "--out", store.url)
    infos = exporter.snapshots(store.url)
    assert [info.manifest.mode for info in infos] == ["full", "full", "rebuild"]
    assert all(info.snapshot_id in store.good("snapshots", store.url) for info in infos)
    frame = exporter.read_snapshot(store.url)
    assert list(frame["campaign_id"]) == list(store.service.campaigns)
    assert len(exporter.read_snapshot(store.url, infos[0].snapshot_id, "failures")) == 0


def test_incremental_and_retention_work_on_a_store(store: Store) -> None:
    incremental = store.command("--incremental", "--keep", "1", "--type", "sms")
    store.good(*incremental)
    asked = len(store.service.arrivals)
    changed = next(iter(store.service.campaigns.values()))
    changed.touch(datetime.now(UTC), status="Paused")
    store.good(*incremental)
    assert len(store.service.arrivals) - asked == 1 + 1, "the list call, and the one that changed"
    store.good(*incremental)
    assert len(store.manifests()) == 2, "the newest, and the base that it was made from"
    assert len(store.files()) == 10, "something of the removed snapshot is left"
    frame = exporter.read_snapshot(store.url)
    assert frame.set_index("campaign_id")["status"][changed.campaign_id] == "Paused"
    store.good("verify", store.url)


@pytest.mark.parametrize("step", ["write.responses.parquet", "publish.staged"])
def test_killed_in_mid_upload_nothing_reads_as_a_snapshot_and_the_next_run_cleans_up(store: Store, step: str) -> None:
    if store.running.kind == "azure" and step == "write.responses.parquet":
        pytest.skip("the other step is enough: pyarrow's deletes take many seconds on Azurite")
    store.killed(step)
    assert store.files(), "the kill came before anything was put"
    assert store.manifests() == []
    assert exporter.snapshots(store.url) == []
    asked = len(store.service.arrivals)
    store.good(*store.command())
    assert len(store.service.arrivals) == asked
    assert len(store.files()) == 5
    store.good("verify", store.url)


def test_killed_right_after_the_manifest_the_snapshot_is_whole_and_the_next_run_removes_the_claim(s3: Store) -> None:
    s3.killed("publish.published")
    assert len(s3.files()) == 6
    s3.good("verify", s3.url)
    s3.good(*s3.command())
    assert len(s3.files()) == 5
    assert len(s3.manifests()) == 1


def test_of_writers_that_begin_at_once_at_most_one_gets_the_folder(store: Store) -> None:
    destination = store.open()
    ready = threading.Barrier(4)

    def claim() -> Staging | None:
        ready.wait()
        try:
            return destination.stage(ONE)
        except NameTaken:
            return None

    with ThreadPoolExecutor(4) as pool:
        winners = [staging for staging in pool.map(lambda _: claim(), range(4)) if staging]
    assert len(winners) <= 1
    for winner in winners:
        winner.discard()
    assert store.files() == []


def test_an_interrupted_run_clears_away_only_what_is_its_own(s3: Store) -> None:
    destination = s3.open()
    destination.stage(ONE, "somebody").create("campaigns.parquet").close()
    destination.clean_up(own=ONE, writer="another")
    assert len(s3.files()) == 2
    destination.clean_up(own=ONE, writer="somebody")
    assert s3.files() == []


def test_a_run_whose_files_somebody_else_touched_publishes_nothing(s3: Store) -> None:
    destination = s3.open()
    staging = destination.stage(ONE)
    staging.create("campaigns.parquet").close()
    s3.fs.delete_file(f"{s3.bucket}/campaigns/snapshot={ONE}/campaigns.parquet")
    with pytest.raises(StorageFailed, match=r"somebody else wrote or removed campaigns\.parquet"):
        staging.publish(b"{}")
    assert s3.manifests() == []


def test_a_folder_with_an_empty_manifest_is_no_snapshot(s3: Store) -> None:
    with s3.fs.open_output_stream(f"{s3.bucket}/campaigns/snapshot={ONE}/manifest.json") as file:
        file.write(b"")
    assert s3.open().snapshot_ids() == []


def test_a_bucket_that_is_not_there_is_reported_before_any_request(store: Store) -> None:
    nowhere = store.running.url("no-such-bucket/x")
    code, told = store.run("snapshot", str(store.ids), "--out", nowhere)
    assert code == 2, told
    assert f"--out {nowhere} cannot be written: there is no such bucket: make it first" in told
    assert store.service.arrivals == []


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        ("AccessDenied", "refuses the credentials"),
        ("InvalidAccessKeyId", "refuses the credentials"),
        ("SignatureDoesNotMatch", "refuses the credentials"),
        ("PermanentRedirect", "in another region: set AWS_REGION"),
        ("AuthorizationHeaderMalformed", "in another region: set AWS_REGION"),
        ("ExpiredToken", "the credentials have expired: renew them"),
    ],
)
def test_what_a_store_refuses_is_explained_before_any_request(
    s3: Store, proxy: StoreProxy, refusal: Refusal, advice: str
) -> None:
    proxy.refuse(lambda _: refusal)
    left, told = s3.run(*s3.command(), AWS_ENDPOINT_URL=proxy.url, AWS_SECRET_ACCESS_KEY="hush-hush")
    assert left == 2, told
    assert advice in told
    assert "hush-hush" not in told
    assert s3.service.arrivals == []


@pytest.mark.parametrize("each_store", ["azure"], indirect=True)
def test_a_wrong_azure_key_is_explained_and_not_shown(store: Store) -> None:
    connection = store.env["AZURE_STORAGE_CONNECTION_STRING"].replace("Eby8", "WRNG")
    code, told = store.run(*store.command(), AZURE_STORAGE_CONNECTION_STRING=connection)
    assert code == 2, told
    assert "refuses the credentials" in told
    assert "WRNG" not in told


def test_the_secret_in_a_url_is_not_printed(s3: Store, tmp_path: Path) -> None:
    url = s3.url.replace("s3://", "s3://AKIA:hush-hush@")
    told = s3.good("snapshots", url)
    assert f"there is no snapshot in {s3.url}" in told
    s3.good("snapshot", str(s3.ids), "--out", url, "--rate", "off")
    (snapshot,) = s3.open().snapshot_ids()
    told += s3.good("verify", url, f"{url}/snapshot={snapshot}")
    told += s3.run("verify", url, f"{url}-2/snapshot={snapshot}")[1]
    account = 'stream_id="{KORE_STREAM_ID}"\nhost="{KORE_HOST}"\nclient_id="{KORE_CLIENT_ID}"\n'.format(**s3.env)
    fleet = tmp_path / "fleet.toml"
    fleet.write_text(
        f'[defaults]\n{account}rate="off"\nclient_secret_env="KORE_CLIENT_SECRET"\n'
        f'[[account]]\naccount_id="{s3.env["KORE_ACCOUNT_ID"]}"\n[[account]]\naccount_id="x"\nids="{tmp_path}/absent.csv"\n'
    )
    code, of_fleet = s3.run("fleet", str(fleet), "--out", url)
    assert code == 2, of_fleet
    assert f" --out={s3.url} --only=x" in of_fleet
    assert "hush-hush" not in told + of_fleet


def test_a_store_that_fails_now_and_then_is_asked_again(s3: Store, proxy: StoreProxy) -> None:
    numbers = count(1)
    proxy.refuse(lambda _: "InternalError" if next(numbers) % 5 == 0 else None)
    code, told = s3.run(*s3.command(), AWS_ENDPOINT_URL=proxy.url)
    assert code == 0, told
    assert proxy.refused >= 3
    s3.good("verify", s3.url)


REFUSALS: tuple[Refusal, ...] = ("AccessDenied", "SlowDown", "lost answer")


@pytest.mark.slow
def test_any_single_call_that_a_store_refuses_is_reported_and_loses_nothing(s3: Store, proxy: StoreProxy) -> None:
    """A sample of the calls of a run: what was published before stays, and the same command completes.

    All of them, of all commands: `python -m tests.crash.every_store_call_fails`.
    """
    command = s3.command("--keep", "9")
    s3.good(*command)
    before = set(s3.manifests())
    assert s3.run(*command, AWS_ENDPOINT_URL=proxy.url)[0] == 0
    number = len(proxy.calls)
    for share, refusal in enumerate(REFUSALS):
        refuse = (2 * share + 1) * number // (2 * len(REFUSALS))
        proxy.refuse_call(refuse, refusal)
        code, told = s3.run(*command, AWS_ENDPOINT_URL=proxy.url)
        assert code in (0, 2, 4), f"{proxy.calls[refuse:][:1]}: {told}"
        assert proxy.refused
        assert "Traceback" not in told
        assert before <= set(s3.manifests())
        s3.good(*command)
    s3.good("verify", s3.url, "--all")


@pytest.mark.slow
def test_commands_that_read_tell_a_refusal_of_the_store(s3: Store, proxy: StoreProxy) -> None:
    s3.good(*s3.command())
    s3.good(*s3.command())
    for command in ("snapshots", "verify", "diff", "rebuild"):
        proxy.refuse(lambda _: None)
        assert s3.run(command, s3.url, AWS_ENDPOINT_URL=proxy.url)[0] == 0
        number = len(proxy.calls)
        for refuse, refusal in zip((number // 3, number * 2 // 3), REFUSALS, strict=False):
            proxy.refuse_call(refuse, refusal)
            code, told = s3.run(command, s3.url, AWS_ENDPOINT_URL=proxy.url)
            assert code in (0, 1, 2, 4), f"{command}, {proxy.calls[refuse]}: {told}"
            assert code != 1 or refusal == "AccessDenied", f"{command}: told as damage: {told}"
            assert "Traceback" not in told


def test_a_manifest_whose_answer_was_lost_is_published(s3: Store, proxy: StoreProxy) -> None:
    proxy.refuse(lambda call: "lost answer" if call.startswith("PUT") and "manifest.json" in call else None)
    code, told = s3.run(*s3.command(), AWS_ENDPOINT_URL=proxy.url)
    assert (code, len(s3.manifests())) == (0, 1), told
    s3.good("verify", s3.url)


def test_the_tables_are_completed_in_the_order_of_the_contract(s3: Store, proxy: StoreProxy) -> None:
    assert s3.run(*s3.command(), AWS_ENDPOINT_URL=proxy.url)[0] == 0
    put = [call.partition("?")[0].rpartition("/")[2] for call in proxy.calls if call.startswith("PUT")]
    order = ["responses", "failures", "calling_windows", "campaigns"]
    assert [name for name in put if name.endswith((".parquet", ".json"))] == [
        *(f"{table}.parquet" for table in order), "manifest.json"
    ], proxy.calls  # fmt: skip


def test_a_bucket_in_which_nothing_can_be_deleted_gets_one_probe_and_no_wrong_advice(
    s3: Store, proxy: StoreProxy
) -> None:
    def of_a_deletion(call: str) -> Refusal | None:
        return "AccessDenied" if call.startswith("DELETE") or ("POST" in call and "delete" in call) else None

    proxy.refuse(of_a_deletion)
    for _ in range(2):
        code, told = s3.run(*s3.command(), AWS_ENDPOINT_URL=proxy.url)
        assert code == 0, told
        assert "credentials" not in told
    assert proxy.refused
    assert [path for path in s3.files() if "probe" in path] == [f"{s3.bucket}/campaigns/.probe"]
    s3.good("verify", s3.url, "--all")
