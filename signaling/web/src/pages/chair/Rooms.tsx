// Who asks for the floor, and all rooms. Rows stand in the order of the roster whatever happens; what can be done with
// a room is at the foot of the list, so that nothing opens under the finger.
import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { percent, timeOfDay } from "../../core/format";
import type { Seat, SeatId } from "../../core/protocol";
import { matches } from "../../core/fold";
import { settle } from "../../core/order";
import { handsQueue } from "../../core/seats";
import { searchText } from "../../core/tree";
import { type Key, t } from "../../i18n";
import type { HallStore } from "../../net/hall";
import { locale } from "../../ui/clock";
import { Icon } from "../../ui/icons";
import { SteadyList } from "../../ui/list";
import { Button } from "../../ui/parts";

type Filter = "all" | "present" | "absent" | "lost";
const FILTERS: readonly { filter: Filter; key: Key }[] = [
  { filter: "all", key: "filter.all" },
  { filter: "present", key: "filter.present" },
  { filter: "absent", key: "filter.absent" },
  { filter: "lost", key: "filter.lost" },
];

const passes = (seat: Seat, filter: Filter): boolean =>
  filter === "all" || seat.state === filter || (filter === "absent" && seat.state === "joining");

const COLOURS = { present: "ok", joining: "warn", lost: "bad", absent: "" } as const;

export const stateWord = (seat: Seat): string => t(`state.${seat.state}`);

const giveFloor = (hall: HallStore, seat: SeatId): void => void hall.do("floor.give", { seat });

export const Hands = ({ hall }: { hall: HallStore }): JSX.Element => {
  const ids = useComputed(() => handsQueue(hall.list.value).map((seat) => seat.id));
  return (
    <section class="panel hands" aria-label={t("hands.title")}>
      <h2 class="list-title">
        <Icon name="hand" /> {t("hands.title")}{" "}
        <span class="soft">{ids.value.length > 0 ? `(${ids.value.length})` : ""}</span>
      </h2>
      <SteadyList
        id="hands"
        ids={ids}
        question=""
        empty={<p class="soft list-empty">{t("hands.none")}</p>}
        row={(id) => <HandRow key={id} hall={hall} id={id} />}
      />
    </section>
  );
};

const HandRow = ({ hall, id }: { hall: HallStore; id: SeatId }): JSX.Element => {
  const seat = hall.seat(id)?.value;
  if (seat === undefined) return <div class="room-row" />;
  const waiting = seat.floor === "asked";
  return (
    <div class={`room-row${waiting ? "" : " past"}`} role="listitem" data-seat={seat.id}>
      <span class="place">{waiting ? (seat.hand_place ?? "") : <Icon name="check" />}</span>
      <span class="grow cut">
        {seat.label}
        {seat.hand_at_ms ? (
          <span class="soft small"> · {timeOfDay(seat.hand_at_ms, locale.value)}</span>
        ) : null}
      </span>
      <Button
        kind="quiet"
        icon="close"
        label={t("hands.lower")}
        disabled={!waiting}
        onClick={() => void hall.do("hand.lower", { seat: id })}
      />
      <Button kind="primary" class="invite" disabled={!waiting} onClick={() => giveFloor(hall, id)}>
        {t("chair.invite")}
      </Button>
    </div>
  );
};

const MicrophoneIcon = ({ seat }: { seat: Seat }): JSX.Element => (
  <span class={`mic-state ${seat.microphone}`} title={t(`mic.${seat.microphone}`)}>
    <Icon name={seat.microphone === "on" ? "mic" : "micOff"} />
  </span>
);

const RoomRow = ({
  hall,
  id,
  choice,
}: {
  hall: HallStore;
  id: SeatId;
  choice: Signal<SeatId | null>;
}): JSX.Element => {
  // Of what is one for all rooms a row sees only whether it is meant: else all would be drawn anew at every change.
  const isChosen = useComputed(() => choice.value === id);
  const isSpeaking = useComputed(() => hall.speaking.value.has(id));
  const isPresenting = useComputed(() => hall.meeting.value?.presenting === id);
  const seat = hall.seat(id)?.value;
  if (seat === undefined) return <div class="room-row" />;
  const present = seat.state === "present";
  const chosen = isChosen.value;
  const speaking = isSpeaking.value;
  return (
    <div
      class={`room-row${chosen ? " chosen" : ""}${speaking ? " speaking" : ""}${present ? "" : " away"}`}
      role="listitem"
      data-seat={id}
      data-state={seat.state}
      data-floor={seat.floor}
      data-microphone={seat.microphone}
      data-deaf={String(seat.deaf)}
    >
      <button type="button" class="room-name" aria-pressed={chosen} onClick={() => (choice.value = chosen ? null : id)}>
        <span class={`dot ${COLOURS[seat.state]}`} title={stateWord(seat)} />
        <span class="cut grow">{seat.label}</span>
        {seat.floor === "given" && <span class="tag floor-tag">{t("floor.given")}</span>}
        {seat.floor === "asked" && (
          <span class="tag hand-tag">
            <Icon name="hand" />
            {seat.hand_place ?? ""}
          </span>
        )}
        {isPresenting.value && (
          <span class="presents" title={t("present.shows")}>
            <Icon name="program" />
          </span>
        )}
        {seat.deaf && present && <Icon name="speakerOff" />}
        {present && <MicrophoneIcon seat={seat} />}
        {!present && <span class="soft small">{stateWord(seat)}</span>}
      </button>
      {present && seat.floor !== "given" && (
        <Button class="invite" onClick={() => giveFloor(hall, id)}>
          {t("chair.invite")}
        </Button>
      )}
    </div>
  );
};

/** Always there, so that choosing a room moves no row. */
const Actions = ({ hall, choice }: { hall: HallStore; choice: Signal<SeatId | null> }): JSX.Element => {
  const id = choice.value;
  const seat = id === null ? undefined : hall.seat(id)?.value;
  return (
    <div class="actions" id="actions">
      {seat === undefined ? (
        <p class="soft actions-empty">{t("rooms.choose")}</p>
      ) : (
        <SeatActions hall={hall} seat={seat} onClose={() => (choice.value = null)} />
      )}
    </div>
  );
};

const SeatActions = ({
  hall,
  seat,
  onClose,
}: {
  hall: HallStore;
  seat: Seat;
  onClose: () => void;
}): JSX.Element => {
  const { id } = seat;
  const meeting = hall.meeting.value;
  const pinned = meeting?.pinned.includes(id) ?? false;
  const contact = hall.contacts.value.get(id);
  const phones = [contact?.phone, contact?.technician_phone].filter(
    (phone): phone is string => phone !== undefined && phone !== "",
  );
  const pin = (): void => {
    const others = (meeting?.pinned ?? []).filter((one) => one !== id);
    void hall.do("pin", { seats: pinned ? others : [...others, id] });
  };
  return (
    <>
      <div class="row actions-head">
        <strong class="grow cut">{seat.label}</strong>
        <span class="soft small cut">
          {stateWord(seat)}
          {seat.since_ms > 0 ? ` · ${timeOfDay(seat.since_ms, locale.value)}` : ""}
          {seat.quality?.up_loss !== undefined
            ? ` · ${t("quality.loss", { share: percent(seat.quality.up_loss, locale.value) })}`
            : ""}
          {seat.deaf ? ` · ${t("quality.deaf")}` : ""}
        </span>
        <Button kind="quiet" icon="close" label={t("common.close")} onClick={onClose} />
      </div>
      <div class="actions-buttons">
        {seat.state === "present" ? (
          <>
            {seat.floor === "given" ? (
              <Button kind="primary" icon="hand" onClick={() => void hall.do("floor.take", { seat: id })}>
                {t("chair.floor_take")}
              </Button>
            ) : (
              <Button kind="primary" icon="hand" onClick={() => giveFloor(hall, id)}>
                {t("chair.invite_long")}
              </Button>
            )}
            {seat.microphone === "held-off" ? (
              <Button id="allow" icon="mic" onClick={() => void hall.do("unmute.allow", { seat: id })}>
                {t("chair.unmute_allow")}
              </Button>
            ) : (
              <Button id="mute-one" icon="micOff" onClick={() => void hall.do("mute", { seat: id })}>
                {t("chair.mute")}
              </Button>
            )}
            {id !== meeting?.chair_seat && (
              <Button
                id="present-allow"
                icon="program"
                pressed={seat.present_allowed === true}
                onClick={() => void hall.do("present.allow", { seat: id, on: seat.present_allowed !== true })}
              >
                {t(seat.present_allowed === true ? "present.allowed" : "present.allow")}
              </Button>
            )}
            <Button icon="pin" pressed={pinned} onClick={pin}>
              {pinned ? t("chair.unpin") : t("chair.pin")}
            </Button>
            <Button
              id="disconnect"
              icon="leave"
              onClick={() => void hall.do("seat.disconnect", { seat: id })}
            >
              {t("chair.disconnect")}
            </Button>
          </>
        ) : phones.length > 0 ? (
          phones.map((phone) => (
            <a key={phone} class="button" href={`tel:${phone.replace(/[^+\d]/g, "")}`}>
              <Icon name="phone" />
              <span>{phone}</span>
            </a>
          ))
        ) : (
          <span class="soft">{t("chair.no_phone")}</span>
        )}
      </div>
    </>
  );
};

const useRoomIds = (
  hall: HallStore,
  query: ReadonlySignal<string>,
  filter: ReadonlySignal<Filter>,
): ReadonlySignal<readonly SeatId[]> => {
  const before = useRef<readonly SeatId[]>([]);
  return useComputed(() => {
    const wanted = hall.list.value.filter(
      (seat) => passes(seat, filter.value) && matches(searchText(seat), query.value),
    );
    const ids = new Set(wanted.map((seat) => seat.id));
    // The same array while it is the same rooms: nothing is drawn anew then.
    before.current = settle(before.current, hall.order.value.filter((id) => ids.has(id)), false);
    return before.current;
  });
};

/** Search and filters, with how many there are of each. */
const Questions = ({
  hall,
  query,
  filter,
}: {
  hall: HallStore;
  query: Signal<string>;
  filter: Signal<Filter>;
}): JSX.Element => {
  const counts = hall.counts.value;
  const numbers: Record<Filter, number> = {
    all: counts.all,
    present: counts.present,
    absent: counts.absent,
    lost: counts.lost,
  };
  return (
    <>
      <div class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder={t("common.search")}
          aria-label={t("common.search")}
          value={query.value}
          onInput={(event) => (query.value = event.currentTarget.value)}
        />
        <select
          class="filter-select"
          aria-label={t("rooms.filter")}
          value={filter.value}
          onChange={(event) => (filter.value = FILTERS[event.currentTarget.selectedIndex]?.filter ?? "all")}
        >
          {FILTERS.map((one) => (
            <option key={one.filter} value={one.filter}>
              {`${t(one.key)} ${numbers[one.filter]}`}
            </option>
          ))}
        </select>
      </div>
      <div class="filters" role="group" aria-label={t("rooms.filter")}>
        {FILTERS.map((one) => (
          <button
            key={one.filter}
            type="button"
            class="button filter"
            data-filter={one.filter}
            aria-pressed={filter.value === one.filter}
            onClick={() => (filter.value = one.filter)}
          >
            {t(one.key)} {numbers[one.filter]}
          </button>
        ))}
      </div>
    </>
  );
};

export const Rooms = ({ hall }: { hall: HallStore }): JSX.Element => {
  const query = useSignal("");
  const filter = useSignal<Filter>("all");
  const choice = useSignal<SeatId | null>(null);
  const ids = useRoomIds(hall, query, filter);
  return (
    <section class="panel rooms" aria-label={t("rooms.title")}>
      <Questions hall={hall} query={query} filter={filter} />
      <SteadyList
        id="rooms"
        class="room-list"
        ids={ids}
        question={`${filter.value} ${query.value}`}
        empty={<p class="soft list-empty">{t("rooms.none")}</p>}
        row={(id) => <RoomRow key={id} hall={hall} id={id} choice={choice} />}
      />
      <Actions hall={hall} choice={choice} />
    </section>
  );
};
