// /api/v1: JSON in, JSON out, errors as Fault with the server's sentence.
import { Fault, isObject, wordOf } from "../core/protocol";
import { language, t } from "../i18n";

type Method = "GET" | "POST" | "DELETE";

const TIMEOUT_MS = 20_000;

const send = async (method: Method, path: string, body?: BodyInit, type?: string): Promise<Response> => {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  const headers: Record<string, string> = { "Accept-Language": language.peek() };
  if (type !== undefined) headers["Content-Type"] = type;
  try {
    return await fetch(`/api/v1/${path}`, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: stop.signal,
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    throw new Fault("unreachable", t("fault.unreachable"));
  } finally {
    clearTimeout(timer);
  }
};

const faultOf = async (response: Response): Promise<Fault> => {
  let detail: unknown = null;
  try {
    detail = await response.json();
  } catch {
    detail = null;
  }
  if (!isObject(detail))
    return new Fault(`http-${response.status}`, t("fault.server", { status: response.status }));
  const text = wordOf(detail["text"]) || t("fault.server", { status: response.status });
  return new Fault(wordOf(detail["code"], `http-${response.status}`), text, detail);
};

const answer = async <T>(response: Response): Promise<T> => {
  if (!response.ok) throw await faultOf(response);
  if (response.status === 204) return {} as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new Fault("bad-answer", t("fault.server", { status: response.status }));
  }
};

export const get = async <T>(path: string): Promise<T> => answer<T>(await send("GET", path));

export const post = async <T>(path: string, value: unknown = {}): Promise<T> =>
  answer<T>(await send("POST", path, JSON.stringify(value), "application/json"));

// Every request that changes something names a content type: the server refuses others.
export const remove = async <T>(path: string): Promise<T> =>
  answer<T>(await send("DELETE", path, "{}", "application/json"));

/** The bytes as they are: what is not UTF-8 is the server's to tell. */
export const postCsv = async <T>(path: string, file: Blob): Promise<T> =>
  answer<T>(await send("POST", path, file, "text/csv"));

/** The picture of a QR code. By POST, so that a room's link appears in no address and no log. */
export const qrPicture = async (text: string): Promise<SVGSVGElement> => {
  const response = await send("POST", "qr", JSON.stringify({ text }), "application/json");
  if (!response.ok) throw await faultOf(response);
  const parsed = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
  const svg = parsed.documentElement;
  if (!(svg instanceof SVGSVGElement))
    throw new Fault("bad-answer", t("fault.server", { status: response.status }));
  return document.importNode(svg, true);
};
