// No meeting is attended: open one, make one, or choose.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { dateTime } from "../../core/format";
import type { MeetingRow } from "../../core/protocol";
import { t } from "../../i18n";
import type { HallStore } from "../../net/hall";
import { locale } from "../../ui/clock";
import { Button, ClockFace, LanguageButton } from "../../ui/parts";
import { ConnectionPill, LogoutButton, SessionOver } from "./Header";

const Row = ({ hall, meeting }: { hall: HallStore; meeting: MeetingRow }): JSX.Element => (
  <div class="row lobby-row">
    <div class="grow">
      <strong>{meeting.title}</strong>
      {meeting.planned_at_ms ? (
        <div class="soft small">{dateTime(meeting.planned_at_ms, locale.value)}</div>
      ) : null}
    </div>
    {meeting.state === "open" ? (
      <Button kind="primary" onClick={() => void hall.attend(meeting.id)}>
        {t("lobby.enter")}
      </Button>
    ) : (
      <Button onClick={() => void hall.do("meeting.open", { meeting: meeting.id })}>{t("lobby.open")}</Button>
    )}
  </div>
);

export const Lobby = ({ hall, name }: { hall: HallStore; name: string }): JSX.Element => {
  const title = useSignal("");
  const live = hall.meetings.value.filter((meeting) => meeting.state !== "ended");
  const create = (event: Event): void => {
    event.preventDefault();
    const wanted = title.peek().trim();
    if (wanted === "") return;
    void hall.do("meeting.create", { title: wanted }).then((done) => {
      if (done) title.value = "";
    });
  };
  return (
    <main class="centre" id="lobby">
      <div class="lobby">
        <ClockFace />
        <div class="panel card">
          <h1>{t("lobby.title")}</h1>
          {live.length === 0 && <p class="soft">{t("lobby.none")}</p>}
          {live.map((meeting) => (
            <Row key={meeting.id} hall={hall} meeting={meeting} />
          ))}
          <form class="row wrap" onSubmit={create}>
            <input
              type="text"
              class="grow"
              maxLength={200}
              placeholder={t("lobby.new_title")}
              aria-label={t("lobby.new_title")}
              value={title.value}
              onInput={(event) => (title.value = event.currentTarget.value)}
            />
            <Button submit disabled={title.value.trim() === ""}>
              {t("lobby.create")}
            </Button>
          </form>
        </div>
        <div class="row wrap middle">
          <ConnectionPill hall={hall} />
          <span class="soft">{name}</span>
          <LanguageButton />
          <LogoutButton hall={hall} />
          <SessionOver hall={hall} />
        </div>
      </div>
    </main>
  );
};
