// What the server has left, what it gives up and why: the first thing to look at when pictures stutter.
import type { JSX } from "preact";
import { decimal } from "../../core/format";
import { LIMITS, LIMIT_FROM_LEVEL } from "../../core/load";
import { language, t } from "../../i18n";
import type { HallStore } from "../../net/hall";
import { whyKey } from "../chair/Header";

export const LoadPanel = ({ hall }: { hall: HallStore }): JSX.Element => {
  const load = hall.load.value;
  if (load === null) return <p class="soft">{t("load.unknown")}</p>;
  const lowered = load.level > 0;
  const share = Math.min(1, load.used_cores / Math.max(load.budget_cores, 0.01));
  const cores = {
    used: decimal(load.used_cores, language.value),
    budget: decimal(load.budget_cores, language.value),
  };
  return (
    <section class={`card load-panel${lowered ? " lowered" : ""}`} id="load" data-level={load.level}>
      <h3>{t("load.title")}</h3>
      <p class="row">
        <span class={`dot ${lowered ? "warn" : "ok"}`} />
        <strong>{t(lowered ? "load.lowered" : "load.calm")}</strong>
      </p>
      {lowered && <p>{t(whyKey(load.why))}</p>}
      <div class="load-bar" role="meter" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
        <div style={{ inlineSize: `${Math.round(share * 100)}%` }} />
      </div>
      <p class="soft">{t("load.cores", cores)}</p>
      <ul class="load-limits">
        {LIMITS.map((limit) => {
          const down = load.level >= LIMIT_FROM_LEVEL[limit];
          return (
            <li key={limit} data-limit={limit} class={down ? "down" : "soft"}>
              <span class="grow">{t(`load.${limit}`, { value: load[limit] })}</span>
              {down && <span class="pill">{t("load.lowered_word")}</span>}
            </li>
          );
        })}
      </ul>
      <p class="soft small">{t("load.sound")}</p>
    </section>
  );
};
