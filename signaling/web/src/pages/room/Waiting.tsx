// No meeting yet; two at once; our seat is used elsewhere.
import type { JSX } from "preact";
import { dateTime } from "../../core/format";
import { t } from "../../i18n";
import { locale } from "../../ui/clock";
import { Button, ClockFace, LanguageButton, SupportLine } from "../../ui/parts";
import type { Room } from "./room";
import { LinkPill } from "./Status";

export const Waiting = ({ room, onCheck }: { room: Room; onCheck: () => void }): JSX.Element => {
  const next = room.meetings.value.find((meeting) => meeting.state === "draft");
  return (
    <main class="centre waiting" id="waiting">
      <div class="waiting-body">
        <h1>{room.me.value?.label}</h1>
        <ClockFace />
        {room.joining.value || room.open.value.length > 0 ? (
          <p class="pulse">{t("waiting.joining")}</p>
        ) : (
          <>
            {room.ended.value && <p class="notice">{t("waiting.ended")}</p>}
            <p class="waiting-word">{t("waiting.none")}</p>
            {next !== undefined && (
              <p>
                {t("waiting.next", { title: next.title })}
                {next.planned_at_ms ? ` · ${dateTime(next.planned_at_ms, locale.value)}` : ""}
              </p>
            )}
          </>
        )}
        <div class="row wrap middle">
          <LinkPill room={room} />
          <Button icon="camera" onClick={onCheck}>
            {t("waiting.check")}
          </Button>
          <LanguageButton />
        </div>
        <SupportLine support={room.support.value} />
      </div>
    </main>
  );
};

export const Choose = ({ room }: { room: Room }): JSX.Element => (
  <main class="centre">
    <div class="panel card" id="choose">
      <h1>{t("choose.title")}</h1>
      {room.open.value.map((meeting) => (
        <Button
          key={meeting.id}
          kind="primary"
          big
          disabled={room.joining.value}
          onClick={() => void room.join(meeting.id)}
        >
          {meeting.title}
        </Button>
      ))}
      <LinkPill room={room} />
    </div>
  </main>
);

export const Taken = ({ room }: { room: Room }): JSX.Element => (
  <main class="centre">
    <div class="panel card" id="taken">
      <h1>{t("taken.title", { label: room.me.value?.label ?? "" })}</h1>
      <p>{t("taken.text")}</p>
      <Button id="take-back" kind="primary" big onClick={() => room.takeBack()}>
        {t("taken.here")}
      </Button>
      <SupportLine support={room.support.value} />
    </div>
  </main>
);
