// The server's stream: a tick every two seconds, and what changed. Silence of eight seconds counts as lost.
import type { Schemas } from "./client";

export type Tick = Schemas["Tick"];
export type Changes = Schemas["Changes"];

export interface StreamState {
  /** `lost`: nothing is heard; `session`: the session is over. */
  status: "starting" | "live" | "lost" | "session";
  tick: Tick | null;
  /** The last time up to which the data were complete, as far as we have heard. */
  dataUntil: string | null;
}

const SILENCE = 8_000;
const RETRY = 3_000;

export class Stream {
  private state: StreamState = { status: "starting", tick: null, dataUntil: null };
  private readonly watchers = new Set<() => void>();
  private readonly listeners = new Set<(changes: Changes) => void>();
  private source: EventSource | null = null;
  private heardAt = 0;
  private openedAt = 0;
  private clock: Worker | null = null;

  readonly read = (): StreamState => this.state;

  readonly watch = (call: () => void): (() => void) => {
    this.watchers.add(call);
    return () => this.watchers.delete(call);
  };

  /** Calls back with every change; after a silence with `more`, so that lists are loaded again. */
  readonly listen = (call: (changes: Changes) => void): (() => void) => {
    this.listeners.add(call);
    return () => this.listeners.delete(call);
  };

  start(): void {
    this.heardAt = performance.now();
    this.open();
    this.clock = new Worker(new URL("../lib/seconds.ts", import.meta.url), { type: "module" });
    this.clock.addEventListener("message", () => this.check());
  }

  stop(): void {
    this.clock?.terminate();
    this.clock = null;
    this.source?.close();
    this.source = null;
  }

  /** The session is over, as another answer has said. */
  sessionLost(): void {
    this.stop();
    this.set({ status: "session" });
  }

  private open(): void {
    this.source?.close();
    this.openedAt = performance.now();
    const source = new EventSource("/api/v1/stream");
    this.source = source;
    source.addEventListener("tick", (event) => this.heard(JSON.parse(event.data) as Tick));
    source.addEventListener("change", (event) => this.tell(JSON.parse(event.data) as Changes));
    source.addEventListener("bye", (event) => {
      source.close();
      if ((JSON.parse(event.data) as Schemas["Bye"]).reason === "session") this.sessionLost();
    });
  }

  private heard(tick: Tick): void {
    const wasLost = this.state.status === "lost";
    this.heardAt = performance.now();
    this.set({ status: "live", tick, dataUntil: tick.health.data_until ?? this.state.dataUntil });
    if (wasLost) this.tell({ alerts: [], incidents: [], runs: [], more: true });
  }

  private tell(changes: Changes): void {
    for (const call of this.listeners) call(changes);
  }

  private check(): void {
    const now = performance.now();
    if (now - this.heardAt > SILENCE && this.state.status !== "lost") this.set({ status: "lost" });
    const isClosed = !this.source || this.source.readyState === EventSource.CLOSED;
    // a connection that looks open and says nothing is opened anew as well
    const isMute = now - Math.max(this.heardAt, this.openedAt) > 2 * SILENCE;
    if ((isClosed && now - this.openedAt > RETRY) || isMute) this.open();
  }

  private set(changes: Partial<StreamState>): void {
    this.state = { ...this.state, ...changes };
    for (const call of this.watchers) call();
  }
}
