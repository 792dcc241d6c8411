import { signal } from "@preact/signals";
import { type JSX, render } from "preact";
import "../../ui/base.css";
import "./technician.css";
import { t } from "../../i18n";
import { HallStore, requireUser } from "../../net/hall";
import { Toasts } from "../../ui/toasts";
import { Desk } from "./Desk";

const hall = signal<HallStore | null>(null);

const Page = (): JSX.Element => {
  document.title = `${t("technician.title")} · Điểm Cầu`;
  return hall.value === null ? (
    <main class="centre">
      <p class="pulse">{t("link.connecting")}</p>
    </main>
  ) : (
    <Desk hall={hall.value} />
  );
};

const start = async (): Promise<void> => {
  const user = await requireUser(["technician", "admin"]);
  if (user !== null) hall.value = new HallStore("technician");
};

const root = document.getElementById("page");
if (root !== null) {
  render(
    <>
      <Page />
      <Toasts />
    </>,
    root,
  );
  void start();
}
