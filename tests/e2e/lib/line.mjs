// A line between a page and the bridge that loses media packets: the page's offers are rewritten to a relay of ours.
import { createSocket } from "node:dgram";

/** Runs inside the page: every candidate of the bridge is replaced by the relay in front of it. */
export const throughRelay = () => {
  const native = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = async function (description) {
    let { sdp } = description;
    const ports = new Set([...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ \S+ (\d+) /gim)].map((found) => found[1]));
    for (const port of ports) {
      const relay = await window.relayFor(Number(port));
      sdp = sdp.replace(new RegExp(`^(a=candidate:\\S+ 1 udp \\d+ \\S+) ${port} `, "gim"), `$1 ${relay} `);
    }
    return native.call(this, { type: description.type, sdp });
  };
};

const isMedia = (packet) => packet[0] >= 128 && packet[0] <= 191 && !(packet[1] >= 192 && packet[1] <= 223);

export class Line {
  /** Shares of the media packets that are lost; RTCP, ICE and DTLS pass. */
  up = 0;
  down = 0;
  #relays = new Map();
  #sockets = [];

  /** Before the context's first page is opened. */
  async connect(context) {
    await context.exposeFunction("relayFor", (port) => this.relayFor(port));
    await context.addInitScript(throughRelay);
  }

  async #open() {
    const socket = createSocket("udp4");
    this.#sockets.push(socket);
    socket.on("error", () => undefined);
    await new Promise((done) => socket.bind(0, "127.0.0.1", done));
    return socket;
  }

  /** The port of the relay in front of a port of the bridge. */
  async relayFor(port) {
    // What stands in the description already is one of ours.
    if ([...this.#relays.values()].includes(port)) return port;
    if (!this.#relays.has(port)) {
      const near = await this.#open();
      const far = await this.#open();
      let page;
      near.on("message", (packet, from) => {
        page = from.port;
        if (!isMedia(packet) || Math.random() >= this.up) far.send(packet, port, "127.0.0.1");
      });
      far.on("message", (packet) => {
        if (page !== undefined && (!isMedia(packet) || Math.random() >= this.down))
          near.send(packet, page, "127.0.0.1");
      });
      this.#relays.set(port, near.address().port);
    }
    return this.#relays.get(port);
  }

  close() {
    for (const socket of this.#sockets) socket.close();
  }
}
