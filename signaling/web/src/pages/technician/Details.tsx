// One room: how it is now, whom to call, its link.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { dateTime, momentOf, percent } from "../../core/format";
import type { RosterSeat, Seat } from "../../core/protocol";
import { t } from "../../i18n";
import * as api from "../../net/api";
import type { HallStore } from "../../net/hall";
import { locale } from "../../ui/clock";
import { Button, Dialog } from "../../ui/parts";
import { complain, say } from "../../ui/toasts";

const Line = ({ name, children }: { name: string; children: ComponentChildren }): JSX.Element => (
  <div class="line">
    <span class="soft">{name}</span>
    <span>{children}</span>
  </div>
);

const Phone = ({ number }: { number: string }): JSX.Element =>
  number === "" ? (
    <>{t("technician.no_phone")}</>
  ) : (
    <a href={`tel:${number.replace(/[^+\d]/g, "")}`}>{number}</a>
  );

const Live = ({ seat }: { seat: Seat }): JSX.Element => {
  const quality = seat.quality ?? {};
  const loss = (share: number | undefined): string =>
    share === undefined ? t("quality.unknown") : percent(share, locale.value);
  return (
    <>
      <Line name={t("details.state")}>
        <strong>{t(`state.${seat.state}`)}</strong>
        {seat.since_ms > 0 ? ` · ${dateTime(seat.since_ms, locale.value)}` : ""}
      </Line>
      {seat.state === "present" && (
        <>
          <Line name={t("details.devices")}>
            {t(`mic.${seat.microphone}`)} · {t(seat.camera ? "camera.on" : "camera.off")}
            {seat.deaf ? ` · ${t("quality.deaf")}` : ""}
          </Line>
          <Line name={t("details.line")}>
            {t("quality.line", {
              up: loss(quality.up_loss),
              down: loss(quality.down_loss),
              rtt: quality.rtt_ms ?? "?",
            })}
            {quality.rung ? ` · ${quality.rung}` : ""}
          </Line>
        </>
      )}
    </>
  );
};

/** null: its place. */
export const QrBox = ({ picture }: { picture: SVGSVGElement | null }): JSX.Element => {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (picture !== null) box.current?.replaceChildren(picture);
  }, [picture]);
  return <div class="qr" ref={box} aria-label={t("details.qr")} role="img" />;
};

const QrPicture = ({ text }: { text: string }): JSX.Element => {
  const picture = useSignal<SVGSVGElement | null>(null);
  useEffect(() => {
    api
      .qrPicture(text)
      .then((svg) => (picture.value = svg))
      .catch(complain);
  }, [text]);
  return <QrBox picture={picture.value} />;
};

const copy = async (text: string): Promise<void> => {
  try {
    await navigator.clipboard.writeText(text);
    say(t("details.copied"));
  } catch {
    say(t("details.copy_by_hand"), true);
  }
};

const LinkBox = ({ seat, onChanged }: { seat: RosterSeat; onChanged: () => void }): JSX.Element => {
  const url = useSignal("");
  const asking = useSignal<"none" | "make" | "revoke">("none");
  const busy = useSignal(false);
  const used = momentOf(seat.link.used_at);
  const run = (work: () => Promise<void>): void => {
    asking.value = "none";
    busy.value = true;
    work()
      .then(onChanged)
      .catch(complain)
      .finally(() => (busy.value = false));
  };
  const make = (): void =>
    run(async () => {
      url.value = (await api.post<{ url: string }>(`roster/${seat.id}/link`)).url;
    });
  const revoke = (): void =>
    run(async () => {
      await api.remove(`roster/${seat.id}/link`);
      url.value = "";
    });
  return (
    <div class="link-box">
      <Line name={t("details.link")}>
        {t(`linkstate.${seat.link.state}`)}
        {used !== null ? ` · ${t("details.used", { at: dateTime(used, locale.value) })}` : ""}
      </Line>
      {url.value !== "" && (
        <>
          <p class="notice">{t("details.once")}</p>
          <div class="row link-made">
            <QrPicture text={url.value} />
            <div class="grow">
              <input
                id="room-link"
                type="text"
                readOnly
                value={url.value}
                aria-label={t("details.link")}
                onFocus={(event) => event.currentTarget.select()}
              />
              <Button icon="copy" onClick={() => void copy(url.peek())}>
                {t("details.copy")}
              </Button>
            </div>
          </div>
        </>
      )}
      <div class="row wrap">
        <Button
          id="make-link"
          kind="primary"
          icon="link"
          disabled={busy.value}
          onClick={() => (seat.link.state === "active" ? (asking.value = "make") : make())}
        >
          {t("details.make")}
        </Button>
        {seat.link.state === "active" && (
          <Button disabled={busy.value} onClick={() => (asking.value = "revoke")}>
            {t("details.revoke")}
          </Button>
        )}
      </div>
      {asking.value !== "none" && (
        <Dialog
          title={t(asking.value === "make" ? "details.make_title" : "details.revoke_title", {
            label: seat.label,
          })}
          onClose={() => (asking.value = "none")}
        >
          <p>{t("details.old_dies")}</p>
          <div class="row wrap">
            <Button id="link-yes" kind="danger" onClick={asking.value === "make" ? make : revoke}>
              {t(asking.value === "make" ? "details.make" : "details.revoke")}
            </Button>
            <Button onClick={() => (asking.value = "none")}>{t("common.cancel")}</Button>
          </div>
        </Dialog>
      )}
    </div>
  );
};

export const Details = ({ hall, seat }: { hall: HallStore; seat: RosterSeat }): JSX.Element => {
  const live = hall.meeting.value === null ? undefined : hall.seat(seat.id)?.value;
  return (
    <div class="details-body">
      <h1>{seat.label}</h1>
      <Line name={t("details.code")}>
        {seat.code}
        {seat.group === "" ? "" : ` · ${seat.group}`}
      </Line>
      {live !== undefined && <Live seat={live} />}
      <Line name={t("details.phone")}>
        <Phone number={seat.phone} />
      </Line>
      <Line name={t("details.technician")}>
        {seat.technician} <Phone number={seat.technician_phone} />
      </Line>
      {seat.note !== "" && <Line name={t("details.note")}>{seat.note}</Line>}
      {live?.state === "present" && (
        <div class="row wrap">
          <Button
            icon={live.microphone === "held-off" ? "mic" : "micOff"}
            onClick={() =>
              void hall.do(live.microphone === "held-off" ? "unmute.allow" : "mute", { seat: seat.id })
            }
          >
            {t(live.microphone === "held-off" ? "chair.unmute_allow" : "chair.mute")}
          </Button>
          <Button icon="leave" onClick={() => void hall.do("seat.disconnect", { seat: seat.id })}>
            {t("chair.disconnect")}
          </Button>
        </div>
      )}
      <LinkBox seat={seat} onChanged={() => void hall.loadContacts()} />
    </div>
  );
};
