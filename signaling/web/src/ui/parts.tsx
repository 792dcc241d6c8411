// The small parts that every page is made of.
import { type Signal, useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { clockTime, longDate } from "../core/format";
import type { Support } from "../core/protocol";
import { meterShare } from "../core/talk";
import { language, setLanguage, t } from "../i18n";
import { locale, now } from "./clock";
import { Icon, type IconName } from "./icons";

interface ButtonProps {
  id?: string;
  kind?: "primary" | "plain" | "danger" | "quiet";
  icon?: IconName;
  big?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  class?: string;
  label?: string;
  submit?: boolean;
  onClick?: () => void;
  children?: ComponentChildren;
}

export const Button = (props: ButtonProps): JSX.Element => (
  <button
    id={props.id}
    type={props.submit === true ? "submit" : "button"}
    class={`button ${props.kind ?? "plain"}${props.big === true ? " big" : ""} ${props.class ?? ""}`}
    disabled={props.disabled}
    aria-pressed={props.pressed}
    aria-label={props.label}
    title={props.label}
    onClick={props.onClick}
  >
    {props.icon !== undefined && <Icon name={props.icon} />}
    {props.children !== undefined && <span>{props.children}</span>}
  </button>
);

const HOLD_MS = 1000;
const HINT_MS = 3000;

interface HoldProps {
  id?: string;
  icon?: IconName;
  disabled?: boolean;
  onHeld: () => void;
  children: ComponentChildren;
}

/** Does its work only when held for a second, by finger, mouse, space or enter. A short press says how it is used. */
export const HoldButton = (props: HoldProps): JSX.Element => {
  const holding = useSignal(false);
  const hint = useSignal(false);
  const timer = useRef<number | undefined>(undefined);
  const begin = (): void => {
    if (props.disabled === true || holding.peek()) return;
    holding.value = true;
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      holding.value = false;
      hint.value = false;
      timer.current = undefined;
      props.onHeld();
    }, HOLD_MS);
  };
  const end = (): void => {
    if (!holding.peek()) return;
    holding.value = false;
    clearTimeout(timer.current);
    // Not for long: two buttons with a hint look alike.
    hint.value = true;
    timer.current = window.setTimeout(() => (hint.value = false), HINT_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  const isKey = (event: KeyboardEvent): boolean => event.key === " " || event.key === "Enter";
  return (
    <button
      id={props.id}
      type="button"
      class={`button hold${holding.value ? " holding" : ""}`}
      disabled={props.disabled}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        begin();
      }}
      onPointerUp={end}
      onPointerCancel={end}
      onKeyDown={(event) => {
        if (isKey(event) && !event.repeat) begin();
      }}
      onKeyUp={end}
      onBlur={end}
      onContextMenu={(event) => event.preventDefault()}
    >
      <span class="fill" />
      <span class="words">
        {props.icon !== undefined && <Icon name={props.icon} />}
        <span>{holding.value ? t("hold.holding") : hint.value ? t("hold.hint") : props.children}</span>
      </span>
    </button>
  );
};

/** A level in dBFS as a bar. The bar is moved by hand: 16 times a second is too often to draw a page anew. */
export const MeterBar = ({ level }: { level: Signal<number> }): JSX.Element => {
  const bar = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    const share = Math.round(meterShare(level.value) * 100);
    bar.current?.style.setProperty("--level", `${share}%`);
    bar.current?.parentElement?.setAttribute("aria-valuenow", String(share));
  });
  return (
    <div class="meter" role="meter" aria-valuemin={0} aria-valuemax={100} aria-valuenow={0}>
      <div ref={bar} />
    </div>
  );
};

export const Clock = (): JSX.Element => <span class="clock">{clockTime(now.value, locale.value)}</span>;

export const ClockFace = (): JSX.Element => (
  <div class="clock-face">
    <div class="clock clock-time">{clockTime(now.value, locale.value)}</div>
    <div class="soft">{longDate(now.value, locale.value)}</div>
  </div>
);

export const LanguageButton = (): JSX.Element => {
  const other = language.value === "vi" ? "en" : "vi";
  return (
    <Button kind="quiet" class="language" onClick={() => setLanguage(other)}>
      {other === "en" ? "English" : "Tiếng Việt"}
    </Button>
  );
};

/** Whom to call, with a number that a phone can dial. */
export const SupportLine = ({ support }: { support: Support | null }): JSX.Element | null => {
  if (support?.phone === undefined || support.phone === "") return <p>{t("support.nobody")}</p>;
  return (
    <p class="row wrap">
      <Icon name="phone" />
      <span>
        {support.name ? `${support.name}: ` : `${t("support.technician")}: `}
        <a href={`tel:${support.phone.replace(/[^+\d]/g, "")}`}>
          <strong>{support.phone}</strong>
        </a>
      </span>
    </p>
  );
};

/** A stream in an element: srcObject is no attribute. */
export const Screen = (props: {
  stream: MediaStream | null;
  muted?: boolean;
  class?: string;
  id?: string;
  element?: (video: HTMLVideoElement | null) => void;
}): JSX.Element => {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current !== null && video.current.srcObject !== props.stream)
      video.current.srcObject = props.stream;
    if (props.stream !== null) video.current?.play().catch(() => undefined);
  }, [props.stream]);
  useEffect(() => {
    // Preact sets muted as a property only after the element exists; a self view must never be heard.
    if (video.current !== null && props.muted !== undefined) video.current.muted = props.muted;
  }, [props.muted]);
  useEffect(() => {
    props.element?.(video.current);
    return () => props.element?.(null);
  }, []);
  return (
    <video ref={video} id={props.id} class={props.class} autoplay playsInline muted={props.muted ?? false} />
  );
};

export const toggleFull = (element: HTMLElement | null): void => {
  if (document.fullscreenElement !== null) void document.exitFullscreen().catch(() => undefined);
  else void element?.requestFullscreen().catch(() => undefined);
};

export const Dialog = (props: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element => {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} onClose={props.onClose} aria-label={props.title}>
      <div class="dialog">
        <h2>{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  );
};
