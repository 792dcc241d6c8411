// The head of a console: which meeting, since when, who is there, how the line is.
import type { JSX } from "preact";
import { duration } from "../../core/format";
import { LIMITS, LIMIT_FROM_LEVEL } from "../../core/load";
import { type Key, t } from "../../i18n";
import * as api from "../../net/api";
import type { HallStore } from "../../net/hall";
import { now } from "../../ui/clock";
import { Icon } from "../../ui/icons";
import { Button, Clock, Dialog, LanguageButton } from "../../ui/parts";
import { complain } from "../../ui/toasts";

/** The bridge's word for why; one that this page does not know is the processor. */
export const whyKey = (why: string): Key =>
  why === "calm" || why === "late" || why === "encoders" ? `load.why.${why}` : "load.why.processor";

export const ConnectionPill = ({ hall }: { hall: HallStore }): JSX.Element => {
  const state = hall.link.state.value;
  const colour = state === "open" ? "ok" : state === "connecting" ? "warn" : "bad";
  const words =
    state === "open"
      ? t("link.ready")
      : state === "connecting"
        ? t("link.connecting")
        : state === "refused"
          ? t("chair.session_over")
          : state === "taken"
            ? t("chair.taken")
            : t("link.lost");
  return (
    <span class="pill" id="connection" data-state={state} role="status">
      <span class={`dot ${colour}`} />
      {words}
    </span>
  );
};

export const LogoutButton = ({ hall }: { hall: HallStore }): JSX.Element => (
  <Button
    kind="quiet"
    icon="leave"
    label={t("common.logout")}
    onClick={() => {
      api
        .post("logout")
        .then(() => {
          hall.link.close();
          location.replace("/");
        })
        .catch(complain);
    }}
  />
);

/** The login has ended or was withdrawn: nothing on the page works any more, and the way back is one touch. */
export const SessionOver = ({ hall }: { hall: HallStore }): JSX.Element | null => {
  if (hall.link.state.value !== "refused") return null;
  const leave = (): void => location.replace("/");
  return (
    <Dialog title={t("chair.session_over")} onClose={leave}>
      <p>{t("chair.session_again")}</p>
      <Button id="login-again" kind="primary" onClick={leave}>
        {t("front.enter")}
      </Button>
    </Dialog>
  );
};

/** Điểm danh at a glance. */
export const Counts = ({ hall }: { hall: HallStore }): JSX.Element => {
  const counts = hall.counts.value;
  return (
    <div
      class="row counts"
      id="counts"
      data-present={counts.present}
      data-lost={counts.lost}
      data-absent={counts.absent}
    >
      <span class="pill">
        <span class="dot ok" />
        {t("counts.present", { n: counts.present, all: counts.all })}
      </span>
      {counts.lost > 0 && (
        <span class="pill">
          <span class="dot bad" />
          {t("counts.lost", { n: counts.lost })}
        </span>
      )}
      <span class="pill">
        <span class="dot" />
        {t("counts.absent", { n: counts.absent })}
      </span>
    </div>
  );
};

/** A small sign while the server gives up something of the pictures; why is said where one looks closer. */
export const LoadSign = ({ hall }: { hall: HallStore }): JSX.Element | null => {
  const load = hall.load.value;
  if (load === null || load.level === 0) return null;
  const lowered = LIMITS.filter((limit) => load.level >= LIMIT_FROM_LEVEL[limit]);
  const words = [
    t(whyKey(load.why)),
    ...lowered.map((limit) => t(`load.${limit}`, { value: load[limit] })),
    t("load.sound"),
  ].join("\n");
  return (
    <span class="pill warn-pill" id="load-sign" data-level={load.level} title={words} role="status">
      <Icon name="warn" />
      {t("load.sign")}
    </span>
  );
};

export const Header = ({ hall }: { hall: HallStore }): JSX.Element => {
  const meeting = hall.meeting.value;
  return (
    <header class="head">
      <div class="head-title">
        <strong class="cut">{meeting?.title}</strong>
        {meeting?.opened_at_ms ? (
          <span class="soft clock">{duration(now.value - meeting.opened_at_ms)}</span>
        ) : null}
      </div>
      <LoadSign hall={hall} />
      <Counts hall={hall} />
      <ConnectionPill hall={hall} />
      <Clock />
      <LanguageButton />
      <LogoutButton hall={hall} />
      <SessionOver hall={hall} />
    </header>
  );
};
