"""What both engines share: the table of calls, the state, and a thread that keeps a session up."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable, Sequence

from bark_core.config import BarkConfig
from bark_core.engine.calls import Calls
from bark_core.engine.checks import check_request
from bark_core.engine.commands import Abort, ReportPlayback, Submit, TickReport
from bark_core.engine.doorkeeper import Doorkeeper
from bark_core.engine.interface import (
    EngineInfo,
    EngineLimits,
    EngineLoad,
    EngineState,
    EventListener,
    StateListener,
)
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.restarts import RestartBudget
from bark_core.engine.session import Session, SessionDiedError
from bark_core.engine.tally import Tally
from bark_core.errors import (
    BarkstreamError,
    EngineDiedError,
    SetupError,
    UnavailableError,
    WarmingUpError,
)

_log = logging.getLogger(__name__)


class SupervisedEngine:
    """An ``Engine`` over sessions that may die.

    Args:
        config: Of the checkpoint that the sessions run.
        limits: Bounds.
        make_session: Makes the next session; called on the supervisor's thread.
    """

    def __init__(
        self, config: BarkConfig, limits: EngineLimits, make_session: Callable[[], Session]
    ) -> None:
        self._config = config
        self._limits = limits
        self._make_session = make_session
        self._lock = threading.Lock()  # state, session and the order of submissions
        self._state = EngineState.STARTING
        self._state_listeners: list[StateListener] = []
        self._session: Session | None = None
        self._info: EngineInfo | None = None
        self._calls = Calls()
        self._running = 0
        self._door = Doorkeeper(limits)
        self._realtime_factor: float | None = None
        self._least_lead_s: float | None = None
        self._tally = Tally()
        self._closing = threading.Event()
        self._settled = threading.Event()
        self._start_error: BarkstreamError | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Load and warm up; returns when READY.

        Raises:
            SetupError: The checkpoint, device or library is not usable.
            UnavailableError: It was closed meanwhile.
        """
        if self._thread is not None:
            raise SetupError("the engine has been started already")
        # A daemon, so that a program that forgets ``close`` can end; then it is closed at exit.
        self._thread = threading.Thread(
            target=self._supervise, name="barkstream-engine", daemon=True
        )
        atexit.register(self.close)
        self._thread.start()
        self._settled.wait()
        if self._start_error is not None:
            self._thread.join()
            raise self._start_error
        if self._info is None:
            raise UnavailableError("the engine was closed before it was ready")

    @property
    def state(self) -> EngineState:
        """Where it stands."""
        return self._state

    @property
    def info(self) -> EngineInfo:
        """What it runs.

        Raises:
            WarmingUpError: Not known yet.
        """
        if self._info is None:
            raise WarmingUpError("the engine is still loading")
        return self._info

    def load(self) -> EngineLoad:
        """How busy it is."""
        live, running = len(self._calls), self._running
        with self._lock:
            return EngineLoad(
                running=min(running, live),
                waiting=max(0, live - running),
                slots=0 if self._info is None else self._info.limits.slots,
                realtime_factor=self._realtime_factor,
                least_lead_s=self._least_lead_s if live else None,
                tally=self._tally,
                places=self._door.places,
                in_line=self._door.in_line,
                wait_s=self._door.wait_s(time.monotonic()),
            )

    def submit(self, request: UtteranceRequest, listener: EventListener) -> None:
        """Queue an utterance; see ``Engine.submit``."""
        check_request(request, self._config)
        with self._lock:
            session, now_s = self._ready_session(), time.monotonic()
            self._door.check(request, now_s)
            self._calls.open(
                request.utterance_id,
                listener,
                limit=self.info.limits.slots + self._limits.max_waiting,
                retry_after_s=self._door.retry_after_s(now_s),
            )
            self._door.sent(request)
            session.send(Submit(request, now_s))

    def abort(self, utterance_ids: Sequence[str]) -> None:
        """Stop utterances before the next batch. Unknown or ended ids are ignored."""
        with self._lock:
            if self._session is None or self._state is not EngineState.READY:
                return
            live = self._calls.begin_abort(utterance_ids)
            if live:
                self._session.send(Abort(live))

    def report_playback(self, stream_id: str, played_s: float) -> None:
        """The listener has heard ``played_s`` seconds of the stream so far."""
        with self._lock:
            if self._session is not None and self._state is EngineState.READY:
                self._session.send(ReportPlayback(stream_id, played_s))

    def add_state_listener(self, listener: StateListener) -> None:
        """Call ``listener`` at every change of state, from an engine thread."""
        self._state_listeners.append(listener)

    def close(self) -> None:
        """Fail what runs with UnavailableError, free everything. Safe to call twice."""
        atexit.unregister(self.close)
        with self._lock:
            self._closing.set()
            session = self._session
        if session is not None:
            session.stop()
        if self._thread is not None:
            self._thread.join()
        self._enter(EngineState.CLOSED)
        self._calls.fail_all(UnavailableError("the engine was closed; connect again later"))

    def _ready_session(self) -> Session:
        """The session, if utterances may be submitted now. Call with the lock held."""
        match self._state:
            case EngineState.STARTING:
                raise WarmingUpError("the model is still loading; try again shortly")
            case EngineState.DOWN:
                raise EngineDiedError("the engine died and is being started again; try again")
            case EngineState.CLOSED:
                raise UnavailableError("the engine is closed")
            case EngineState.READY:
                assert self._session is not None
                return self._session

    def _enter(self, state: EngineState) -> None:
        with self._lock:
            if self._state in (state, EngineState.CLOSED):
                return
            self._state = state
            self._running = 0
            self._door.reset()
        for listener in tuple(self._state_listeners):
            try:
                listener(state)
            except Exception:  # noqa: BLE001 - the engine outlives its listeners
                _log.exception("a state listener raised")

    def _supervise(self) -> None:
        """The thread: one session after another."""
        budget = RestartBudget(self._limits.restart_limit)
        while not self._closing.is_set():
            try:
                self._run_session()
            except Exception as error:  # noqa: BLE001 - whatever ends a session is a death
                if self._closing.is_set():
                    break
                if not self._settled.is_set():
                    self._give_up_start(error)
                    return
                delay_s = budget.spend(time.monotonic())
                self._mourn(error, delay_s)
                if delay_s is None:
                    return
                self._closing.wait(delay_s)
        self._settled.set()

    def _run_session(self) -> None:
        """Open, serve, dispose; returns only when closing."""
        with self._lock:
            if self._closing.is_set():
                return
            session = self._make_session()
            self._session = session
        try:
            self._info = session.open()
            self._enter(EngineState.READY)
            self._settled.set()
            session.serve(self._deliver)
        finally:
            # First the state, then the calls: none can be submitted in between and forgotten.
            if not self._closing.is_set() and self._settled.is_set():
                self._enter(EngineState.DOWN)
                self._calls.fail_all(
                    EngineDiedError(
                        "the engine died while it worked on this; it is being started again, "
                        "so try again"
                    )
                )
            with self._lock:
                self._session = None
            session.dispose()

    def _give_up_start(self, error: Exception) -> None:
        """The first start failed: tell the one who waits in ``start``."""
        if isinstance(error, BarkstreamError):
            self._start_error = error
        else:
            self._start_error = SetupError(
                f"the engine could not be started: {type(error).__name__}: {error}"
            )
            self._start_error.__cause__ = error
        self._enter(EngineState.CLOSED)
        self._settled.set()

    def _mourn(self, error: Exception, delay_s: float | None) -> None:
        # A session that died says why; for anything else the traceback is needed.
        trace = None if isinstance(error, SessionDiedError) else error
        if delay_s is None:
            _log.critical("the engine died too often and stays down: %s", error, exc_info=trace)
        else:
            _log.error("the engine died, next start in %.2f s: %s", delay_s, error, exc_info=trace)

    def _deliver(self, report: TickReport) -> None:
        self._running = report.running
        self._realtime_factor = report.realtime_factor
        self._least_lead_s = report.least_lead_s
        self._tally += report.tally  # frozen: who reads has the old one or the new one
        if report.outlook is not None:
            with self._lock:
                self._door.learn(report.outlook)
        self._calls.route(report.events)
