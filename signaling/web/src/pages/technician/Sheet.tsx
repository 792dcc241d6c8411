// A sheet with the QR codes of a district, for printing. A link can be shown only when it is made, so the sheet makes
// new ones, after the technician has agreed that the old ones end.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { dateTime } from "../../core/format";
import type { RosterSeat } from "../../core/protocol";
import type { Branch } from "../../core/tree";
import { t } from "../../i18n";
import * as api from "../../net/api";
import { locale, now } from "../../ui/clock";
import { Button } from "../../ui/parts";
import { complain } from "../../ui/toasts";
import { QrBox } from "./Details";

interface Made {
  seat: RosterSeat;
  url: string;
  /** null: not had yet. A sheet without it is not fit to print. */
  picture: SVGSVGElement | null;
}

export const Sheet = (props: {
  branch: Branch<RosterSeat>;
  onClose: () => void;
  onMade: () => void;
}): JSX.Element => {
  const made = useSignal<Made[]>([]);
  const busy = useSignal(false);
  const { seats } = props.branch;
  const title = props.branch.title || t("technician.province");
  const make = async (): Promise<void> => {
    busy.value = true;
    try {
      for (const seat of seats) {
        if (made.peek().some((one) => one.seat.id === seat.id)) continue;
        const { url } = await api.post<{ url: string }>(`roster/${seat.id}/link`);
        made.value = [...made.peek(), { seat, url, picture: null }];
      }
      for (const one of made.peek()) {
        if (one.picture !== null) continue;
        const picture = await api.qrPicture(one.url);
        made.value = made.peek().map((other) => (other === one ? { ...one, picture } : other));
      }
    } catch (error) {
      complain(error);
    } finally {
      busy.value = false;
      props.onMade();
    }
  };
  const linked = made.value.length === seats.length;
  const pictures = made.value.filter((one) => one.picture !== null).length;
  const complete = pictures === seats.length;
  return (
    <main class="sheet">
      <div class="sheet-tools row wrap">
        <h1 class="grow">{t("sheet.title", { title })}</h1>
        {complete && (
          <Button kind="primary" icon="print" onClick={() => window.print()}>
            {t("sheet.print")}
          </Button>
        )}
        <Button onClick={props.onClose}>{t("common.close")}</Button>
      </div>
      {!complete && (
        <div class="notice sheet-tools">
          <p>{linked ? t("sheet.no_pictures") : t("sheet.warning", { n: seats.length })}</p>
          <Button
            id="sheet-make"
            kind={linked ? "primary" : "danger"}
            disabled={busy.value}
            onClick={() => void make()}
          >
            {busy.value
              ? t("sheet.making", { n: linked ? pictures : made.value.length, all: seats.length })
              : linked
                ? t("common.again")
                : t("sheet.make", { n: seats.length })}
          </Button>
        </div>
      )}
      <div class="sheet-cards">
        {made.value.map(({ seat, url, picture }) => (
          <div key={seat.id} class="sheet-card">
            <QrBox picture={picture} />
            <div>
              <strong>{seat.label}</strong>
              <div class="small">{seat.code}</div>
              <div class="small link-text">{url}</div>
              <div class="small">{t("sheet.secret")}</div>
            </div>
          </div>
        ))}
      </div>
      {made.value.length > 0 && (
        <p class="soft small">{t("sheet.made_at", { at: dateTime(now.value, locale.value) })}</p>
      )}
    </main>
  );
};
