// The technician's desk: the roster as a tree with live state, and one room's papers beside it.
import { type Signal, useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { RosterSeat, Seat, SeatId } from "../../core/protocol";
import { countSeats } from "../../core/seats";
import { type Branch, branches, filterBranches } from "../../core/tree";
import { t } from "../../i18n";
import type { HallStore } from "../../net/hall";
import { Icon } from "../../ui/icons";
import { Button, Clock, LanguageButton } from "../../ui/parts";
import { ConnectionPill, Counts, LoadSign, LogoutButton, SessionOver } from "../chair/Header";
import { Details } from "./Details";
import { ImportDialog } from "./Import";
import { LoadPanel } from "./LoadPanel";
import { Sheet } from "./Sheet";

const COLOURS = { present: "ok", joining: "warn", lost: "bad", absent: "" } as const;

const Leaf = ({
  hall,
  seat,
  chosen,
}: {
  hall: HallStore;
  seat: RosterSeat;
  chosen: Signal<SeatId | null>;
}): JSX.Element => {
  const live: Seat | undefined = hall.meeting.value === null ? undefined : hall.seat(seat.id)?.value;
  return (
    <button
      type="button"
      class={`leaf${chosen.value === seat.id ? " chosen" : ""}`}
      data-seat={seat.id}
      data-state={live?.state ?? ""}
      onClick={() => (chosen.value = seat.id)}
    >
      {live !== undefined && <span class={`dot ${COLOURS[live.state]}`} title={t(`state.${live.state}`)} />}
      <span class="grow cut">{seat.label}</span>
      {live?.state === "present" && (
        <span class={`mic-state ${live.microphone}`}>
          <Icon name={live.microphone === "on" ? "mic" : "micOff"} />
        </span>
      )}
      {live?.deaf === true && live.state === "present" && <Icon name="speakerOff" />}
      <span class="soft small code">{seat.code}</span>
      <span class={`link-state ${seat.link.state}`} title={t(`linkstate.${seat.link.state}`)}>
        <Icon name="link" />
      </span>
    </button>
  );
};

interface GroupProps {
  hall: HallStore;
  branch: Branch<RosterSeat>;
  open: boolean;
  chosen: Signal<SeatId | null>;
  onToggle: () => void;
  onPrint: () => void;
}

const Group = ({ hall, branch, open, chosen, onToggle, onPrint }: GroupProps): JSX.Element => {
  const ids = new Set(branch.seats.map((seat) => seat.id));
  const live = countSeats(hall.list.value.filter((seat) => ids.has(seat.id)));
  return (
    <div class="group">
      <div class="row group-head">
        <button type="button" class="group-name" aria-expanded={open} onClick={onToggle}>
          <Icon name={open ? "down" : "right"} />
          <span class="grow cut">{branch.title || t("technician.province")}</span>
          {live.lost > 0 && <span class="dot bad" />}
          <span class="soft">
            {hall.meeting.value === null ? branch.seats.length : `${live.present}/${branch.seats.length}`}
          </span>
        </button>
        <Button kind="quiet" icon="print" label={t("sheet.print_district")} onClick={onPrint} />
      </div>
      {open && branch.seats.map((seat) => <Leaf key={seat.id} hall={hall} seat={seat} chosen={chosen} />)}
    </div>
  );
};

const Tree = ({
  hall,
  chosen,
  onPrint,
}: {
  hall: HallStore;
  chosen: Signal<SeatId | null>;
  onPrint: (branch: Branch<RosterSeat>) => void;
}): JSX.Element => {
  const query = useSignal("");
  const opened = useSignal<ReadonlySet<string>>(new Set());
  const all = useComputed(() => branches(hall.contacts.value.values()));
  const shown = useComputed(() => filterBranches(all.value, query.value));
  const searching = query.value.trim() !== "";
  const toggle = (key: string): void => {
    const next = new Set(opened.peek());
    if (!next.delete(key)) next.add(key);
    opened.value = next;
  };
  return (
    <section class="panel tree" aria-label={t("technician.roster")}>
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
      </div>
      <div class="tree-body" id="tree">
        {shown.value.map((branch) => (
          <Group
            key={branch.key}
            hall={hall}
            branch={branch}
            chosen={chosen}
            open={searching || opened.value.has(branch.key)}
            onToggle={() => toggle(branch.key)}
            onPrint={() => onPrint(all.peek().find((one) => one.key === branch.key) ?? branch)}
          />
        ))}
        {shown.value.length === 0 && (
          <p class="soft list-empty">
            {t(hall.contacts.value.size === 0 ? "technician.empty" : "rooms.none")}
          </p>
        )}
      </div>
    </section>
  );
};

export const Desk = ({ hall }: { hall: HallStore }): JSX.Element => {
  const chosen = useSignal<SeatId | null>(null);
  const importing = useSignal(false);
  const printing = useSignal<Branch<RosterSeat> | null>(null);
  const meeting = hall.meeting.value;
  const seat = chosen.value === null ? undefined : hall.contacts.value.get(chosen.value);
  if (printing.value !== null)
    return (
      <>
        <Sheet
          branch={printing.value}
          onClose={() => (printing.value = null)}
          onMade={() => void hall.loadContacts()}
        />
        <SessionOver hall={hall} />
      </>
    );
  return (
    <main class="desk">
      <header class="head">
        <div class="head-title">
          <strong class="cut">{meeting?.title ?? t("technician.title")}</strong>
        </div>
        <LoadSign hall={hall} />
        {meeting !== null && <Counts hall={hall} />}
        <ConnectionPill hall={hall} />
        <Clock />
        <LanguageButton />
        <LogoutButton hall={hall} />
        <SessionOver hall={hall} />
      </header>
      <div class="tools row wrap">
        <Button id="import" icon="upload" onClick={() => (importing.value = true)}>
          {t("import.button")}
        </Button>
        <a class="button" href="/api/v1/roster/export" download="diem-cau.csv">
          <Icon name="download" />
          <span>{t("technician.export")}</span>
        </a>
        <span class="grow" />
        <a class="button" href="/screen" target="diemcau-screen">
          <Icon name="screens" />
          <span>{t("chair.screen")}</span>
        </a>
        <a class="button" href="/chair">
          <Icon name="program" />
          <span>{t("technician.to_chair")}</span>
        </a>
      </div>
      <Tree hall={hall} chosen={chosen} onPrint={(branch) => (printing.value = branch)} />
      <section class="panel details">
        {/* Who listens to the page hears which room it is, not every change of its numbers. */}
        <p class="visually-hidden" role="status">
          {seat?.label}
        </p>
        {seat === undefined ? (
          <>
            <p class="soft list-empty">{t("technician.choose")}</p>
            <LoadPanel hall={hall} />
          </>
        ) : (
          <Details key={seat.id} hall={hall} seat={seat} />
        )}
      </section>
      {importing.value && (
        <ImportDialog
          onClose={() => {
            importing.value = false;
            void hall.loadContacts();
          }}
        />
      )}
    </main>
  );
};
