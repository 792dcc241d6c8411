// A WebSocket client on a bare socket: it can do what browsers never would (no Origin, odd frames, not reading).
import { createHash, randomBytes } from "node:crypto";
import net from "node:net";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

function maskedFrame(opcode, payload, final) {
  const mask = randomBytes(4);
  const head = payload.length < 126 ? Buffer.alloc(2) : payload.length < 65536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = (final ? 0x80 : 0) | opcode;
  if (payload.length < 126) {
    head[1] = 0x80 | payload.length;
  } else if (payload.length < 65536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  const body = Buffer.from(payload);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i % 4];
  return Buffer.concat([head, mask, body]);
}

export class Socket {
  constructor(raw) {
    this.raw = raw;
    this.waiting = [];
    this.inbox = [];
    this.buffer = Buffer.alloc(0);
    this.closed = null; // { code, reason } once it is over
    this.nextId = 1;
    raw.on("data", (bytes) => this.take(bytes));
    raw.on("close", () => this.end({ code: 1006, reason: "" }));
    raw.on("error", () => this.end({ code: 1006, reason: "error" }));
  }

  take(bytes) {
    this.buffer = Buffer.concat([this.buffer, bytes]);
    for (;;) {
      const frame = this.readFrame();
      if (frame === null) return;
      if (frame.opcode === 1) this.deliver(JSON.parse(frame.payload.toString("utf8")));
      else if (frame.opcode === 9) this.raw.write(maskedFrame(10, frame.payload, true));
      else if (frame.opcode === 8) {
        const code = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
        this.end({ code, reason: frame.payload.subarray(2).toString("utf8") });
        this.raw.end();
      }
    }
  }

  // The server sends long messages in fragments.
  readFrame() {
    const b = this.buffer;
    if (b.length < 2) return null;
    let length = b[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (b.length < 4) return null;
      length = b.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (b.length < 10) return null;
      length = Number(b.readBigUInt64BE(2));
      at = 10;
    }
    if (b.length < at + length) return null;
    const payload = Buffer.from(b.subarray(at, at + length));
    const final = (b[0] & 0x80) !== 0;
    const opcode = b[0] & 0x0f;
    this.buffer = b.subarray(at + length);
    if (opcode >= 8) return { opcode, payload };
    this.parts = opcode === 0 ? this.parts : [];
    if (opcode !== 0) this.partsOpcode = opcode;
    this.parts.push(payload);
    if (!final) return this.readFrame();
    return { opcode: this.partsOpcode, payload: Buffer.concat(this.parts) };
  }

  deliver(message) {
    const index = this.waiting.findIndex((w) => w.fits(message));
    if (index >= 0) {
      const [w] = this.waiting.splice(index, 1);
      clearTimeout(w.timer);
      w.resolve(message);
    } else {
      this.inbox.push(message);
    }
  }

  end(how) {
    if (this.closed !== null) return;
    this.closed = how;
    for (const w of this.waiting.splice(0)) {
      clearTimeout(w.timer);
      w.reject(new Error(`socket closed (${how.code} ${how.reason}) while waiting for ${w.what}`));
    }
    if (this.onClosed) this.onClosed(how);
  }

  // The first message that fits, also among those that came before.
  next(fits, what, ms = 8000) {
    const index = this.inbox.findIndex(fits);
    if (index >= 0) return Promise.resolve(this.inbox.splice(index, 1)[0]);
    if (this.closed !== null) return Promise.reject(new Error(`socket is closed (${this.closed.code}), no ${what}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting = this.waiting.filter((w) => w.resolve !== resolve);
        const had = this.inbox.map((m) => m.t).join(" ");
        reject(new Error(`no ${what} within ${ms} ms; had: ${had}`));
      }, ms);
      this.waiting.push({ fits, what, resolve, reject, timer });
    });
  }

  push(name, ms) {
    return this.next((m) => m.t === name, `push ${name}`, ms);
  }

  // Sends a request and gives its one answer, ok or fault.
  async ask(t, fields = {}) {
    const id = this.nextId++;
    this.send(JSON.stringify({ t, id, ...fields }));
    return this.next((m) => m.re === id, `answer to ${t}`);
  }

  async ok(t, fields = {}) {
    const answer = await this.ask(t, fields);
    if (answer.t !== "ok") throw new Error(`${t}: ${answer.code}: ${answer.text}`);
    return answer;
  }

  send(text, { opcode = 1, final = true } = {}) {
    this.raw.write(maskedFrame(opcode, Buffer.from(text), final));
  }

  whenClosed(ms = 8000) {
    if (this.closed !== null) return Promise.resolve(this.closed);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`still open after ${ms} ms`)), ms);
      this.onClosed = (how) => {
        clearTimeout(timer);
        resolve(how);
      };
    });
  }

  close() {
    this.raw.destroy();
  }
}

// Resolves with a Socket, or with { status } when the upgrade is refused (0: cut off without an answer).
export function openSocket(port, { cookie, origin, protocol = "diemcau.v1", path = "/ws" } = {}) {
  return new Promise((resolve, reject) => {
    const key = randomBytes(16).toString("base64");
    const raw = net.connect(port, "127.0.0.1");
    const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "Connection: Upgrade", "Upgrade: websocket"];
    lines.push("Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`);
    if (protocol) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    if (origin) lines.push(`Origin: ${origin}`);
    if (cookie) lines.push(`Cookie: ${cookie}`);
    raw.on("connect", () => raw.write(lines.join("\r\n") + "\r\n\r\n"));
    let head = Buffer.alloc(0);
    const refuse = () => resolve({ status: 0 });
    raw.once("error", refuse);
    raw.once("close", refuse);
    const onData = (bytes) => {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      raw.off("data", onData);
      raw.off("error", refuse);
      raw.off("close", refuse);
      const text = head.subarray(0, end).toString("latin1");
      const status = Number(text.split(" ")[1]);
      if (status !== 101) {
        raw.destroy();
        resolve({ status });
        return;
      }
      const wanted = createHash("sha1").update(key + GUID).digest("base64");
      if (!text.includes(wanted)) reject(new Error("wrong Sec-WebSocket-Accept"));
      const socket = new Socket(raw);
      if (head.length > end + 4) socket.take(head.subarray(end + 4));
      resolve(socket);
    };
    raw.on("data", onData);
  });
}
