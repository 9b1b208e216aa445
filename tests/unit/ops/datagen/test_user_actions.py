"""The shoppers' sessions: the same bytes for a seed, and a truth that a second count of the file comes to."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from eventmill.contracts import events
from eventmill.contracts.events import UserAction
from ops.cli import data
from ops.datagen import cart_truth, faults, shopper_model, spec, user_actions
from ops.datagen.cart_truth import CartsTruth
from ops.datagen.ground_truth import Planted, TruthError
from tests.support import settings

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FAULTY = spec.CartsPlan(count=6000, users=200, late=0.05, duplicates=0.05, broken=0.05)
PLANS = {
    "faulty": FAULTY,
    "no faults": spec.CartsPlan(count=3000, users=100),
    "short timeout": spec.CartsPlan(count=3000, users=100, span=900, timeout=60, watermark=10, late=0.1, broken=0.1),
    "timeout beyond the span": spec.CartsPlan(count=500, users=40, span=600, late=0.1, duplicates=1),
    "timeout of a second": spec.CartsPlan(count=500, users=40, timeout=1, late=1, duplicates=1, broken=1),
    "busiest": spec.CartsPlan(count=1000, users=5, span=2000, timeout=30, watermark=5, late=0.1, duplicates=0.1),
    "hardly any": spec.CartsPlan(count=7, late=1, duplicates=1, broken=1),
    "one": spec.CartsPlan(count=1, users=1, span=1),
}
LOOKS = {"LOGIN", "SEARCH", "PRODUCT_VIEW", "LOGOUT"}
Group = dict[str, list[UserAction]]


def written(folder: Path, wanted: spec.CartsPlan) -> tuple[list[bytes], CartsTruth]:
    """The lines of a plan as they are in the file, and its truth as read back."""
    result = user_actions.write_user_actions(wanted, folder / "actions.json", folder / "truth.json")
    assert cart_truth.read_cart_truth(folder / "truth.json") == result
    return (folder / "actions.json").read_bytes().splitlines(), result


class Stream:
    """Which records of the file count, by the rules of the stream for a number of partitions."""

    def __init__(self, lines: list[bytes], partitions: int, watermark: int) -> None:
        self.counts: Counter[str] = Counter()
        self.stored: list[UserAction] = []
        self._partitions, self._watermark = partitions, timedelta(seconds=watermark)
        self._newest: dict[int, datetime] = {}
        self._seen: set[UUID] = set()
        for line in lines:
            self.counts[self._take(line)] += 1

    def _take(self, line: bytes) -> str:
        try:
            action = events.decode_event(UserAction, line, NOW)
        except events.EventError:
            return "broken"
        time, partition = events.utc(action.timestamp), user_actions.partition(str(action.userid), self._partitions)
        newest = self._newest.get(partition, time)
        self._newest[partition] = max(newest, time)
        if time <= newest - self._watermark:
            return "late"
        if action.messageid in self._seen:
            return "duplicate"
        self._seen.add(action.messageid)
        self.stored.append(action)
        return "stored"

    def by_user(self) -> Group:
        """The stored actions of each user, in the order of their times."""
        found: Group = defaultdict(list)
        for action in sorted(self.stored, key=lambda action: events.utc(action.timestamp)):
            found[str(action.userid)].append(action)
        return found


def naive(actions: list[UserAction], timeout: int) -> list[tuple[object, ...]]:
    """The carts of a user, found by the rule as it's written: without the end of the file."""
    carts: list[tuple[object, ...]] = []
    opened: UserAction | None = None
    last, items, product, value = NOW, 0, "", None
    for number, action in enumerate(actions):
        time = events.utc(action.timestamp)
        if opened is None and action.last_action == "SHOPPING_CART":
            opened, items, value = action, 0, None
        if opened is None:
            continue
        last = time
        if action.last_action == "SHOPPING_CART":
            items, product = items + 1, str(action.productid)
        if action.cart_value is not None:
            value = action.cart_value
        over = last + timedelta(seconds=timeout)
        following = events.utc(actions[number + 1].timestamp) if number + 1 < len(actions) else None
        ordered = action.last_action == "ORDER"
        if ordered or following is None or following > over:
            identity = (str(opened.messageid), action.userid, events.utc(opened.timestamp))
            carts.append((*identity, last, action.last_action, items, product, value, None if ordered else over))
            opened = None
    return carts


def as_naive(cart: cart_truth.ExpectedCart) -> tuple[object, ...]:
    """A cart of the truth as `naive` has it."""
    return (
        *(cart.messageid, cart.userid, cart.opened_at, cart.last_action_at, cart.last_action),
        *(cart.items, cart.productid, cart.cart_value, cart.timestamp),
    )


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("wanted", PLANS.values(), ids=PLANS.keys())
def test_the_truth_is_what_a_second_count_comes_to(tmp_path: Path, wanted: spec.CartsPlan, partitions: int) -> None:
    wanted.check(NOW)
    lines, truth = written(tmp_path, wanted)
    stream = Stream(lines, partitions, wanted.watermark)
    assert stream.counts == Counter(
        stored=truth.count, late=truth.planted.late, duplicate=truth.planted.duplicates, broken=truth.planted.broken
    )
    assert len(lines) == truth.lines
    expected = [cart for actions in stream.by_user().values() for cart in naive(actions, wanted.timeout)]
    assert sorted(map(as_naive, truth.carts), key=str) == sorted(expected, key=str)
    scores: Counter[tuple[datetime, str, str]] = Counter()
    for action in stream.stored:
        start = events.utc(action.timestamp).timestamp() // wanted.window * wanted.window
        scores[datetime.fromtimestamp(start, UTC), str(action.userid), action.last_action] += 1
    assert cart_truth.counts_by(truth, NOW) == scores


def test_the_truth_fits_itself(tmp_path: Path) -> None:
    _, truth = written(tmp_path, FAULTY)
    totals: Counter[tuple[str, str]] = Counter()
    for score in truth.windows:
        totals[score.userid, score.action] += score.number
    assert {(user, name): n for user, names in truth.totals.items() for name, n in names.items()} == totals
    assert sum(truth.broken_kinds.values()) == truth.planted.broken
    assert max(totals.values()) > 1


@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 16])
def test_late_ones_are_late_for_the_partitions_that_are_set(tmp_path: Path, partitions: int) -> None:
    lines, truth = written(tmp_path, spec.CartsPlan(count=2000, users=200, late=0.1, partitions=partitions))
    assert Stream(lines, partitions, truth.watermark_seconds).counts["late"] == 200
    users = {json.loads(line)["userid"] for line in lines}
    assert len([user for user in users if user.startswith("guest-")]) in range(10, 68)


def test_late_ones_are_behind_by_far_and_have_identities_of_their_own(tmp_path: Path) -> None:
    lines, truth = written(tmp_path, spec.CartsPlan(count=2000, users=50, late=0.1))
    actions = [events.decode_event(UserAction, line, NOW) for line in lines]
    assert len({action.messageid for action in actions}) == truth.lines
    newest, behind = events.EARLIEST, []
    for action in actions:
        time = events.utc(action.timestamp)
        newest = max(newest, time)
        if newest > time:
            behind.append(newest - time)
    assert len(behind) == 200
    assert min(behind) >= timedelta(minutes=6)


def test_late_ones_are_planted_only_where_time_has_passed(tmp_path: Path) -> None:
    _, truth = written(tmp_path, spec.CartsPlan(count=500, span=300, late=0.5, duplicates=0.1))
    assert truth.planted == Planted(late=0, duplicates=50, broken=0)


def test_duplicates_are_exact_copies_soon_after(tmp_path: Path) -> None:
    lines, _ = written(tmp_path, spec.CartsPlan(count=2000, users=50, duplicates=0.1))
    first: dict[bytes, int] = {}
    apart = [number - first[line] for number, line in enumerate(lines) if first.setdefault(line, number) != number]
    assert len(apart) == 200
    assert max(apart) > 1


def test_actions_come_in_the_order_of_time_and_no_user_does_two_at_once() -> None:
    actions = shopper_model.planned_actions(FAULTY)
    times = [action.time for action in actions]
    assert times == sorted(times)
    assert len({(action.userid, action.time) for action in actions}) == len(actions) == FAULTY.count
    start = FAULTY.start.timestamp() * 1000
    assert start <= times[0] < times[-1] <= start + FAULTY.span * 1000
    assert len({action.userid for action in actions}) == FAULTY.users


def test_every_kind_of_session_occurs(tmp_path: Path) -> None:
    lines, truth = written(tmp_path, spec.CartsPlan(count=6000, users=200))
    timeout, by_user = timedelta(seconds=truth.timeout_seconds), Stream(lines, 4, 60).by_user()
    carts: dict[str, list[cart_truth.ExpectedCart]] = defaultdict(list)
    for cart in truth.carts:
        carts[cart.userid].append(cart)
    ends = [Counter(cart.outcome for cart in user) for user in carts.values()]
    assert {cart.outcome for cart in truth.carts} == {"ordered", "abandoned", "open"}
    assert any(end["ordered"] > 1 for end in ends)
    assert any(end["abandoned"] > 1 for end in ends)
    assert any(cart.last_action == "CHECKOUT" for cart in truth.carts if cart.outcome == "abandoned")
    assert any(cart.items > 1 for cart in truth.carts)
    visits = sessions_of(by_user, timedelta(minutes=5))
    assert any({action.last_action for action in visit} <= LOOKS for visit in visits if len(visit) > 2)
    gaps = [
        (one, two, events.utc(two.timestamp) - events.utc(one.timestamp))
        for user in by_user.values()
        for one, two in pairwise(user)
    ]
    orders = {gap for _, two, gap in gaps if two.last_action == "ORDER"}
    assert {timeout, timeout + timedelta(seconds=1)} <= orders
    back = {gap for one, _, gap in gaps if one.last_action == "SHOPPING_CART"}
    assert any(timeout * 0.3 < gap < timeout * 0.9 for gap in back)
    assert any(gap > timeout * 1.05 for gap in back)


def sessions_of(by_user: Group, pause: timedelta) -> list[list[UserAction]]:
    """The actions of the users, divided where they pause."""
    found: list[list[UserAction]] = []
    for actions in by_user.values():
        last = events.EARLIEST
        for action in actions:
            if (time := events.utc(action.timestamp)) > last + pause:
                found.append([])
            found[-1].append(action)
            last = time
    return found


def acts(*steps: tuple[float, str]) -> list[shopper_model.PlannedAction]:
    """Actions of one user at these seconds; each tells a value of its number."""
    return [
        shopper_model.PlannedAction(round(second * 1000), "user-1", name, "product-1", number, f"id-{number}")
        for number, (second, name) in enumerate(steps)
    ]


def outcomes(*steps: tuple[float, str]) -> list[tuple[str, str]]:
    """What becomes of the carts of one user, with a timeout of 60 seconds."""
    return [(cart.messageid, cart.outcome) for cart in cart_truth.carts(acts(*steps), 60)]


def test_an_order_at_the_last_moment_is_in_time_and_a_millisecond_later_it_is_not() -> None:
    assert outcomes((0, "SHOPPING_CART"), (60, "ORDER")) == [("id-0", "ordered")]
    assert outcomes((0, "SHOPPING_CART"), (60.001, "ORDER")) == [("id-0", "abandoned")]


def test_every_action_renews_a_cart() -> None:
    steps = [(0, "SHOPPING_CART"), (60, "LOGOUT"), (120, "SEARCH"), (180, "ORDER")]
    assert outcomes(*steps) == [("id-0", "ordered")]


def test_the_action_after_the_timeout_is_judged_with_no_cart_open() -> None:
    steps = [(0, "SHOPPING_CART"), (61, "SHOPPING_CART"), (70, "ORDER"), (71, "ORDER"), (72, "SHOPPING_CART")]
    assert outcomes(*steps) == [("id-0", "abandoned"), ("id-1", "ordered"), ("id-4", "open")]


def test_a_cart_is_open_when_the_file_ends_in_the_last_moment() -> None:
    (cart,) = cart_truth.carts(acts((0, "SHOPPING_CART"), (5, "CHECKOUT")), 60)
    other = shopper_model.PlannedAction(65_000, "user-2", "LOGIN", None, None)
    assert (cart.outcome, cart.items, cart.cart_value) == ("open", 1, 1)
    assert cart.timestamp == cart_truth.from_millis(65_000)
    for millis, expected in ((0, "open"), (1, "abandoned")):
        late = other._replace(time=other.time + millis)
        assert cart_truth.carts([*acts((0, "SHOPPING_CART"), (5, "CHECKOUT")), late], 60)[0].outcome == expected


def test_the_abandoned_and_the_counts_are_cut_at_a_time(tmp_path: Path) -> None:
    _, truth = written(tmp_path, spec.CartsPlan(count=3000, users=100))
    gone = cart_truth.abandoned_by(truth, truth.end)
    assert [cart for cart in gone if cart.outcome != "abandoned" and cart.timestamp != truth.end] == []
    times = [cart.timestamp for cart in gone if cart.timestamp]
    assert times == sorted(times)
    assert cart_truth.abandoned_by(truth, times[10]) == gone[:11]
    assert cart_truth.abandoned_by(truth, times[10] - timedelta(microseconds=1)) == gone[:10]
    later = cart_truth.abandoned_by(truth, truth.end + timedelta(seconds=truth.timeout_seconds))
    assert {cart.outcome for cart in later} == {"abandoned", "open"}
    end = truth.windows[0].window_start + timedelta(seconds=truth.window_seconds)
    assert set(cart_truth.counts_by(truth, end)) == {
        (score.window_start, score.userid, score.action)
        for score in truth.windows
        if score.window_start == truth.windows[0].window_start
    }
    assert cart_truth.counts_by(truth, end - timedelta(microseconds=1)) == {}


def test_a_cart_is_worth_what_was_put_into_it() -> None:
    for cart in grouped(shopper_model.planned_actions(FAULTY), FAULTY.timeout * 1000):
        worth = 0
        for action in cart:
            if action.name == "SHOPPING_CART":
                worth += shopper_model.price(int(str(action.productid).removeprefix("product-")))
            assert action.cart_value in (worth, None)
            assert action.cart_value is not None or action.name not in ("CHECKOUT", "ORDER")


def grouped(actions: list[shopper_model.PlannedAction], timeout: int) -> list[list[shopper_model.PlannedAction]]:
    """The actions of each cart."""
    open_carts: dict[str, list[shopper_model.PlannedAction]] = {}
    found = []
    for action in actions:
        before = open_carts.pop(action.userid, None)
        cart = before if before and action.time - before[-1].time <= timeout else None
        if cart is None and action.name == "SHOPPING_CART":
            cart = []
            found.append(cart)
        if cart is not None:
            cart.append(action)
            if action.name != "ORDER":
                open_carts[action.userid] = cart
    return found


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    for path, seed in ((first, 7), (again, 7), (other, 8)):
        wanted = spec.CartsPlan(count=1234, users=60, seed=seed, late=0.1, duplicates=0.1, broken=0.1)
        user_actions.write_user_actions(wanted, path, tmp_path / f"{path.name}.truth")
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    assert (tmp_path / "first.truth").read_bytes() == (tmp_path / "again.truth").read_bytes()


def test_every_layout_of_time_is_used(tmp_path: Path) -> None:
    lines, _ = written(tmp_path, spec.CartsPlan(count=1000, users=50))
    times = [json.loads(line)["timestamp"] for line in lines]
    assert {time[10] for time in times} == {"T", " "}
    assert {time[23:] for time in times} == {"", "Z", "+02:00"}


@pytest.mark.parametrize("kind", faults.ACTION_FAULTS)
def test_every_broken_record_breaks_the_contract_and_stays_one_line(kind: str) -> None:
    action = shopper_model.PlannedAction(
        1767225600123, "user-1", "ORDER", "product-1", 5, "00000000-0000-4000-a000-000000000000"
    )
    decoded = events.decode_event(UserAction, user_actions.encode_action(action), NOW)
    assert events.utc(decoded.timestamp) == datetime(2026, 1, 1, 0, 0, 0, 123_000, UTC)
    line = faults.ACTION_FAULTS[kind](user_actions.action_event(action))
    with pytest.raises(events.EventError):
        events.decode_event(UserAction, line, NOW)
    assert line.splitlines() == [line.strip()]


def test_progress_tells_the_records_done(tmp_path: Path) -> None:
    seen: list[int] = []
    wanted = spec.CartsPlan(count=12_000, broken=0.1)
    result = user_actions.write_user_actions(wanted, tmp_path / "a", tmp_path / "t", seen.append)
    assert seen == [10_000, result.lines]


def test_the_command_writes_both_files_and_tells_what_is_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("eventmill.config.settings.load", lambda: settings(cart_timeout=60, carts_watermark_seconds=10))
    out, truth = tmp_path / "actions.json", tmp_path / "carts-truth.json"
    data.generate_carts(out, truth, count=400, users=20, span="30m", broken="10%")
    result = cart_truth.read_cart_truth(truth)
    assert (result.count, result.timeout_seconds, result.watermark_seconds) == (400, 60, 10)
    shown = " ".join(capsys.readouterr().out.split())
    assert "448 records, of which 4 late, 4 duplicates, 40 broken" in shown
    ordered = sum(cart.outcome == "ordered" for cart in result.carts)
    assert f"carts: {ordered} ordered" in shown


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (spec.CartsPlan(count=0), "count 0"),
        (spec.CartsPlan(count=1, users=0), "users 0"),
        (spec.CartsPlan(count=601, users=10, span=600), "10 users do 600 actions at most"),
        (spec.CartsPlan(count=1, start=NOW, span=90_000), "one day from now"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(wanted: spec.CartsPlan, message: str) -> None:
    with pytest.raises(spec.GenerateError, match=message):
        wanted.check(NOW)


def test_a_truth_of_clicks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    with pytest.raises(TruthError, match="is not a truth file"):
        cart_truth.read_cart_truth(tmp_path / "other")
