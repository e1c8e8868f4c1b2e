import { describe, expect, test } from "vitest";
import { follow } from "../api/follow";
import type { Tick } from "../api/stream";
import { shareOf } from "../screens/hunt-count";
import { fill, number, speech } from "../words";
import { carried } from "./carried";
import { type Known, placeOf, suggestions } from "./complete";
import { kindOf } from "./entity";
import { fold } from "./fold";
import { hold } from "./held";
import { literal, narrow, parted } from "./query-text";
import { resolve } from "./range";
import { taken } from "./resting";
import { duration, moment, near, span, typed, utc, written } from "./time";
import { tabTitle, troubleOf } from "./trouble";
import { together, type Truth } from "./truth";
import { visible } from "./visible";

const AT = Date.parse("2026-11-25T07:30:51.123Z");

describe("time", () => {
  test("is written in the house's zone, in either language", () => {
    expect(moment(AT, "vi")).toBe("25/11/2026 14:30:51");
    expect(moment(AT, "en")).toBe("2026-11-25 14:30:51");
    expect(utc(AT)).toBe("2026-11-25 07:30:51.123 UTC");
  });
  test("leaves today's date out and keeps another day's", () => {
    expect(near(AT, AT + 60_000, "vi")).toBe("14:30:51");
    expect(near(AT, AT + 86_400_000, "vi")).toBe("25/11 14:30");
    expect(near(AT, AT + 86_400_000, "en")).toBe("11-25 14:30");
    expect(near(AT, AT + 86_400_000 * 60, "vi")).toBe("25/11/2026");
    // 00:30 in Hà Nội is another day there and the same day in UTC
    expect(near(Date.parse("2026-11-25T16:59:59Z"), Date.parse("2026-11-25T17:30:00Z"), "vi")).toBe("25/11 23:59");
  });
  test("a span is one moment, two clocks or two days", () => {
    expect(span(AT, AT, AT, "vi")).toBe("14:30:51");
    expect(span(AT - 19 * 60_000, AT, AT, "vi")).toBe("14:11 → 14:30");
    expect(span(AT - 5_000, AT, AT, "vi")).toBe("14:30:46");
    expect(span(AT - 86_400_000, AT, AT, "vi")).toBe("24/11 → 14:30");
    expect(span(AT - 3_600_000, AT, AT + 86_400_000, "vi")).toBe("25/11 13:30 → 14:30");
    expect(span(AT - 2 * 86_400_000, AT - 86_400_000, AT, "vi")).toBe("23/11 → 24/11");
  });
  test("durations have two units at most", () => {
    expect(duration(50 * 60_000, "vi")).toBe("50 phút");
    expect(duration(-7 * 3_600_000, "vi")).toBe("−7 giờ");
    expect(duration(421_000, "en")).toBe("7 min 01 s");
    expect(duration(7_500_000, "vi")).toBe("2 giờ 05 phút");
    expect(duration(90_000_000, "en")).toBe("1 d 1 h");
  });
  test("is typed as it is read", () => {
    expect(typed("25/11/2026 14:30")).toBe(Date.parse("2026-11-25T07:30:00Z"));
    expect(typed(moment(AT, "vi"))).toBe(Math.floor(AT / 1000) * 1000);
    expect(typed(moment(AT, "en"))).toBe(Math.floor(AT / 1000) * 1000);
    expect(typed(" 5/1/2026 ")).toBe(Date.parse("2026-01-04T17:00:00Z"));
    for (const wrong of ["", "hôm qua", "31/02/2026 10:00", "11/25/2026 10:00", "25/11/2026 25:00", "25/11/26 10:00"]) {
      expect(typed(wrong)).toBeNaN();
    }
    // a zone with summer time: the hour before and the hour after the change
    expect(typed("2026-03-29 01:30", "Europe/Paris")).toBe(Date.parse("2026-03-29T00:30:00Z"));
    expect(typed("2026-03-29 03:30", "Europe/Paris")).toBe(Date.parse("2026-03-29T01:30:00Z"));
  });
});

describe("ranges", () => {
  test("mean the same moment in all parts of a question", () => {
    expect(resolve("now", AT)).toBe("2026-11-25T07:30:51.123Z");
    expect(resolve("now-24h", AT)).toBe("2026-11-24T07:30:51.123Z");
    expect(resolve("now-15m", AT)).toBe("2026-11-25T07:15:51.123Z");
    expect(resolve("2026-11-24", AT)).toBe("2026-11-24");
  });
});

describe("the query's text", () => {
  test("values are quoted where the language would read more into them", () => {
    expect(literal("web-01.example")).toBe("web-01.example");
    expect(literal("Nguyễn")).toBe("Nguyễn");
    expect(literal(22)).toBe("22");
    expect(literal("a b")).toBe('"a b"');
    expect(literal('C:\\x "y"')).toBe('"C:\\\\x \\"y\\""');
    expect(literal("and")).toBe('"and"');
    expect(literal("2001:db8::1")).toBe('"2001:db8::1"');
    expect(literal("")).toBe('""');
  });
  test("a clause is added once, and an or is put in brackets", () => {
    expect(narrow("", "host.name", "web01")).toBe("host.name: web01");
    expect(narrow("a: 1", "host.name", "web01", true)).toBe("a: 1 and not host.name: web01");
    expect(narrow("a: 1 or b: 2", "c", 3)).toBe("(a: 1 or b: 2) and c: 3");
    const once = narrow("a: 1", "b", 2);
    expect(narrow(once, "b", 2)).toBe(once);
  });
});

describe("rows that never jump", () => {
  const key = (row: { id: string; n: number }) => row.id;
  const shown = new Map([["a", { id: "a", n: 1 }], ["b", { id: "b", n: 1 }]]);
  test("keep their places, take new values, and what is new waits", () => {
    const held = hold(["a", "b"], shown, [{ id: "c", n: 1 }, { id: "b", n: 2 }, { id: "a", n: 1 }], key);
    expect(held.rows).toEqual([{ id: "a", n: 1 }, { id: "b", n: 2 }]);
    expect(held.fresh).toBe(1);
    expect(held.gone.size).toBe(0);
  });
  test("what is gone stays as it was", () => {
    const held = hold(["a", "b"], shown, [{ id: "b", n: 2 }], key);
    expect(held.rows.map(key)).toEqual(["a", "b"]);
    expect([...held.gone]).toEqual(["a"]);
  });
});

describe("words", () => {
  const words = speech({ "x.count": "{n} sự kiện", "x.count.one": "1 sự kiện", "level.high": "Cao" }, "vi");
  test("numbers are written in the language", () => {
    expect(number(1234567, "vi")).toBe("1.234.567");
    expect(number(1234.5, "en", 1)).toBe("1,234.5");
    expect(words.t("x.count" as never, { n: 1131 })).toBe("1.131 sự kiện");
    expect(words.t("x.count" as never, { n: 1 })).toBe("1 sự kiện");
    expect(fill("{a} và {b}", { a: "x" }, "vi")).toBe("x và {b}");
  });
  test("a name without words stands for itself", () => {
    expect(words.named("level", "high")).toBe("Cao");
    expect(words.named("level", "odd")).toBe("odd");
    expect(words.said({ en: "only English" })).toBe("only English");
    expect(words.said(null)).toBe("");
  });
  test("folding finds what a person types without marks", () => {
    expect(fold("Đã đăng Nhập")).toBe("da dang nhap");
    expect(fold("Truy tìm")).toBe(fold("truy tim"));
  });
});

test("hostile characters become visible", () => {
  expect(visible("a\u202eb\u0000c\u001b[31m")).toBe("a‹U+202E›b␀c␛[31m");
  expect(visible("dòng 1\ndòng 2")).toBe("dòng 1⏎dòng 2");
  expect(visible("Nguyễn Thị Hạnh → 😀")).toBe("Nguyễn Thị Hạnh → 😀");
});

test("an address in the place of a domain is an address", () => {
  expect(kindOf("url.domain", "203.0.113.5")).toBe("ip");
  expect(kindOf("url.domain", "[2001:db8::1]")).toBe("ip");
  expect(kindOf("url.domain", "down.example")).toBe("domain");
  expect(kindOf("user.name", "203.0.113.5")).toBe("user");
  expect(kindOf("message", "203.0.113.5")).toBeUndefined();
});

describe("stages", () => {
  test("begin at a bar that is no or and no part of a text", () => {
    expect(parted("a: 1 | count by b | sort -count")).toEqual({ where: "a: 1", stages: "| count by b | sort -count" });
    expect(parted("| count")).toEqual({ where: "", stages: "| count" });
    expect(parted('a: "x | y"|top b')).toEqual({ where: 'a: "x | y"', stages: "|top b" });
    expect(parted("a: /b |c/ | count")).toEqual({ where: "a: /b |c/", stages: "| count" });
    expect(parted("a: /b | count by c")).toEqual({ where: "a: /b", stages: "| count by c" });
    expect(parted("a: 1 || b: 2 | count")).toEqual({ where: "a: 1 || b: 2", stages: "| count" });
    for (const query of ["a: 1 || b: 2", 'message: "a | b \\" | c"', "a: x|y", "a: /b|c/", "a: /b |c/", "(a: /b |c/)", "a: x\\ |y", ""]) expect(parted(query)).toEqual({ where: query, stages: "" });
  });
});

describe("what rests", () => {
  test("what comes back of our own writing moves nothing, however late and through however many steps", () => {
    const typed = { value: "abcd", seen: "", sent: ["ab", "abc"] };
    const once = taken(typed, "ab");
    expect(once).toEqual({ value: "abcd", seen: "ab", sent: ["abc"] });
    expect(taken(once, "abc")).toEqual({ value: "abcd", seen: "abc", sent: [] });
    expect(taken(typed, "abc")).toEqual({ value: "abcd", seen: "abc", sent: [] });
  });
  test("what changes it from outside wins", () => {
    expect(taken({ value: "ab", seen: "a", sent: [] }, "x")).toEqual({ value: "x", seen: "x", sent: [] });
    expect(taken({ value: "abc", seen: "a", sent: ["ab"] }, "x")).toEqual({ value: "x", seen: "x", sent: [] });
  });
});

describe("truth", () => {
  const [early, late] = [{ at: "2026-11-25T01:00:00.000000Z", seen: 1 }, { at: "2026-11-25T02:00:00.000000Z", seen: 2 }];
  const part = { what: "timeout", start: null, end: null, detail: "" };
  const whole: Truth = { exact: true, complete: true, missing: [], position: late };
  test("several answers are whole where each is, and lack what any lacks", () => {
    expect(together([])).toBeUndefined();
    expect(together([whole, { ...whole, position: early }])).toEqual({ ...whole, position: early });
    const lacking: Truth = { ...whole, complete: false, missing: [part] };
    expect(together([whole, lacking, { ...lacking, missing: [{ ...part }, { ...part, detail: "a" }] }])).toEqual({ ...lacking, missing: [part, { ...part, detail: "a" }] });
    expect(together([whole, { ...whole, exact: false }])?.exact).toBe(false);
  });
});

describe("completion", () => {
  const fields: Known[] = [
    { name: "source.ip", type: "ip", count: 9 },
    { name: "user.name", type: "keyword", count: 5 },
    { name: "kydai.source", type: "keyword", count: 10 },
    { name: "Threat Name", type: "keyword", count: 1 },
  ];
  const offered = (text: string, values: { value: string; count: number }[] = []) => suggestions(placeOf(text), fields, values).map((each) => each.insert);
  test("knows what stands at the caret", () => {
    expect(placeOf("")).toMatchObject({ kind: "field", word: "", from: 0 });
    expect(placeOf("sou")).toMatchObject({ kind: "field", word: "sou", from: 0 });
    expect(placeOf("a: 1 and (us")).toMatchObject({ kind: "field", word: "us", from: 10 });
    expect(placeOf("not ")).toMatchObject({ kind: "field", word: "" });
    expect(placeOf("user.name: ro")).toMatchObject({ kind: "value", field: "user.name", word: "ro", from: 11 });
    expect(placeOf('user.name: "a b')).toMatchObject({ kind: "value", word: "a b", from: 11 });
    expect(placeOf('"Threat Name": ')).toMatchObject({ kind: "value", field: "Threat Name", word: "" });
    expect(placeOf("user.name: (root or ad")).toMatchObject({ kind: "value", field: "user.name", word: "ad" });
    expect(placeOf("user.name: root ")).toMatchObject({ kind: "join" });
    expect(placeOf("a: 1 | ")).toMatchObject({ kind: "stage", word: "" });
    expect(placeOf("a: 1 | count ")).toMatchObject({ kind: "by", stage: "count" });
    expect(placeOf("a: 1 | count by us")).toMatchObject({ kind: "field", word: "us", inStage: true });
    expect(placeOf("a: 1 | stats sum(so")).toMatchObject({ kind: "field", word: "so", inStage: true });
    expect(placeOf('a: "x | y')).toMatchObject({ kind: "value", word: "x | y" });
  });
  test("offers the best first, ready to be written", () => {
    expect(offered("sour")).toEqual(["source.ip: ", "kydai.source: "]);
    expect(offered("threat")).toEqual(['"Threat Name": ']);
    expect(offered("* | count by user")).toEqual(["user.name"]);
    expect(offered("user.name: r", [{ value: "admin r", count: 9 }, { value: "Root", count: 1 }])).toEqual(["Root ", '"admin r" ']);
    expect(offered("a: 1 | ti")).toEqual(["timechart 1h"]);
    expect(offered("a: 1 | ")).toEqual(["count by ", "top 10 ", "timechart 1h", "stats count by "]);
    expect(offered('a: 1 | count by "x|y" | ')).toEqual(["sort -count", "limit 20", "table "]);
    expect(offered("a: 1 | l")).toEqual([]);
    expect(offered("a: 1 | top 10 user.name | li")).toEqual(["limit 20"]);
    expect(offered("a: 1 ")).toContain("and ");
  });
});

describe("a count that says how far it is", () => {
  const stream = (...chunks: string[]) => {
    const body = new Response(new ReadableStream({ start: (to) => (chunks.forEach((chunk) => to.enqueue(new TextEncoder().encode(chunk))), to.close()) })).body;
    return Promise.resolve({ data: body, response: new Response() });
  };
  const PROGRESS = 'event: progress\ndata: {"done":1,"whole":3,"found":7}\n\n';
  test("is read however it is cut into pieces", async () => {
    const said = `${PROGRESS}${PROGRESS}event: answer\ndata: {"text":"Huế"}\n\n`;
    const bytes = new TextEncoder().encode(said);
    const pieces = Array.from({ length: bytes.length }, (_, i) => bytes.slice(i, i + 1));
    const body = new Response(new ReadableStream({ start: (to) => (pieces.forEach((piece) => to.enqueue(piece)), to.close()) })).body;
    const told: unknown[] = [];
    expect(await follow(Promise.resolve({ data: body, response: new Response() }), (now) => told.push(now))).toEqual({ text: "Huế" });
    expect(told).toEqual([1, 2].map(() => ({ done: 1, whole: 3, found: 7 })));
  });
  test("fails as it is told, and when it ends before its answer", async () => {
    await expect(follow(stream(PROGRESS, 'event: problem\ndata: {"title":"x","status":503,"detail":"away"}\n\n'), () => {})).rejects.toThrow("away");
    await expect(follow(stream(PROGRESS, "event: ans"), () => {})).rejects.toThrow();
  });
  test("is read whatever stands in its texts", async () => {
    const text = "a\u2028b\u2029c\u0085d";
    expect(await follow(stream(`${PROGRESS}event: answer\ndata: ${JSON.stringify({ text })}\n\n`), () => {})).toEqual({ text });
    const problem = { title: "x", status: 400, detail: text };
    await expect(follow(stream(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`), () => {})).rejects.toThrow(text);
  });
  test("takes nothing that it does not know", async () => {
    for (const other of ['event: tick\ndata: {}\n\n', "hello\n\n", ": still here\n\n"]) {
      await expect(follow(stream(PROGRESS, other, 'event: answer\ndata: {"text":"x"}\n\n'), () => {})).rejects.toThrow("unknown message");
    }
  });
  test("never says that all is done before its answer is there", () => {
    expect([0, 1, 2, 3].map((done) => shareOf({ done, whole: 3, found: 0 }))).toEqual([0, 33, 66, 99]);
    expect(shareOf({ done: 0, whole: 0, found: 0 })).toBe(0);
  });
});

test("a day of a rule is written in the language, anything else is left", () => {
  expect(written("2026-11-05", "vi")).toBe("05/11/2026");
  expect(written("2026/11/05", "en")).toBe("2026-11-05");
  expect(written("<script>", "vi")).toBe("<script>");
});

describe("what was said of a line", () => {
  const before = "a\nb\nc\nb";
  test("stays with it while others are written", () => {
    const place = carried(before, "a\nnew\nnew\nb\nc\nb");
    expect([1, 2, 3, 4].map(place)).toEqual([1, 4, 5, 6]);
    expect([1, 2, 3, 4].map(carried(before, "c\nb"))).toEqual([null, null, 1, 2]);
    expect([1, 2, 3, 4].map(carried(before, before))).toEqual([1, 2, 3, 4]);
  });
  test("goes when the line is changed", () => {
    expect([1, 2, 3, 4].map(carried(before, "a\nb!\nc\nb"))).toEqual([1, null, 3, 4]);
    expect([1, 2, 3, 4].map(carried(before, ""))).toEqual([null, null, null, null]);
    expect(carried("", "x")(1)).toBeNull();
  });
});

describe("what makes the band red", () => {
  const tick = (behind: number | null, isFatal = false) =>
    ({
      health: {
        now: new Date(AT).toISOString(),
        data_until: behind === null ? null : new Date(AT - behind).toISOString(),
        ailments: isFatal ? [{ key: "pipeline", text: {}, is_fatal: true, is_urgent: false }] : [],
      },
    }) as unknown as Tick;
  test("an idle pipeline is on time, one that stopped a moment ago is not", () => {
    expect(troubleOf({ status: "live", tick: tick(9_000) })).toBeNull();
    expect(troubleOf({ status: "live", tick: tick(12_500) })).toBe("behind");
    expect(troubleOf({ status: "live", tick: tick(null, true) })).toBe("stopped");
    expect(troubleOf({ status: "starting", tick: null })).toBeNull();
  });
  test("a stream that is silent says more than its last tick", () => {
    expect(troubleOf({ status: "lost", tick: tick(0) })).toBe("lost");
    expect(troubleOf({ status: "session", tick: tick(0) })).toBe("session");
  });
  test("a tab says what is wrong instead of counts that may be old", () => {
    expect(tabTitle(null, 12, "Queue")).toBe("(12) Queue");
    expect(tabTitle(null, 0, "Queue")).toBe("Queue");
    expect(tabTitle("Connection lost", 12, "Queue")).toBe("⚠ Connection lost · Queue");
  });
});
