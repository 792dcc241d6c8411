// A roster from a CSV file, and what the server made of every line of it.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Fault, type ImportReport, type ImportRow, isObject } from "../../core/protocol";
import { t } from "../../i18n";
import * as api from "../../net/api";
import { Icon } from "../../ui/icons";
import { Button, Dialog } from "../../ui/parts";

const LARGEST_BYTES = 1024 * 1024;

const rowsOf = (error: Fault): ImportRow[] => {
  const rows = error.detail["rows"];
  return Array.isArray(rows) ? rows.filter(isObject).map((row) => row as unknown as ImportRow) : [];
};

const Rows = ({ rows }: { rows: readonly ImportRow[] }): JSX.Element | null => {
  if (rows.length === 0) return null;
  return (
    <div class="import-rows">
      <table>
        <thead>
          <tr>
            <th>{t("import.line")}</th>
            <th>{t("details.code")}</th>
            <th>{t("import.what")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.line}>
              <td>{row.line}</td>
              <td>{row.code}</td>
              <td>{row.text || row.what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

export const ImportDialog = ({ onClose }: { onClose: () => void }): JSX.Element => {
  const report = useSignal<ImportReport | null>(null);
  const failure = useSignal("");
  const failed = useSignal<ImportRow[]>([]);
  const busy = useSignal(false);
  const send = async (file: File): Promise<void> => {
    report.value = null;
    failure.value = "";
    failed.value = [];
    if (file.size > LARGEST_BYTES) {
      failure.value = t("import.too_large");
      return;
    }
    busy.value = true;
    try {
      report.value = await api.postCsv<ImportReport>("roster/import", file);
    } catch (error) {
      failure.value = error instanceof Fault ? error.message : t("fault.unknown");
      if (error instanceof Fault) failed.value = rowsOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={t("import.title")} onClose={onClose}>
      <p class="soft">{t("import.help")}</p>
      <label class="button" for="import-file">
        <Icon name="upload" />
        <span>{t("import.choose")}</span>
      </label>
      <input
        id="import-file"
        class="visually-hidden"
        type="file"
        accept=".csv,text/csv"
        disabled={busy.value}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file !== undefined) void send(file);
          event.currentTarget.value = "";
        }}
      />
      {busy.value && <p class="pulse">{t("import.busy")}</p>}
      {failure.value !== "" && (
        <p class="notice bad" role="alert">
          {failure.value}
        </p>
      )}
      {report.value !== null && (
        <p class="notice" id="import-report">
          {t("import.report", {
            added: report.value.added,
            changed: report.value.changed,
            unchanged: report.value.unchanged,
          })}
        </p>
      )}
      <Rows rows={report.value?.rows.filter((row) => row.what !== "unchanged") ?? failed.value} />
      <Button kind="primary" onClick={onClose}>
        {t("common.close")}
      </Button>
    </Dialog>
  );
};
