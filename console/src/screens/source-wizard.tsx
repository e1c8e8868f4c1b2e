// A new source from nothing: declared, its configuration to copy, then waiting for its first event and what that says.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { api, data } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Field, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { Problem } from "../parts/problem";
import { State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

const EVERY = 2_000;
const NO_TOKEN = "PASTE_TOKEN_HERE";
const TONES: Record<Schemas["Finding"], Tone> = { nothing: "muted", unparsed: "high", zone: "medium", fields: "medium", good: "good" };

interface Made {
  name: string;
  product: string;
  server: string;
  token: string;
}

export function WizardDialog({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const [made, setMade] = useState<Made | null>(null);
  const asked = useQuery({ queryKey: ["sources", "configurations"], queryFn: () => data(api.GET("/api/v1/sources/configurations")) });
  if (made) return <Waiting made={made} onClose={onClose} />;
  if (asked.data) return <Declare products={asked.data} onMade={setMade} onClose={onClose} />;
  return (
    <Dialog title={t("wizard.title")} onClose={onClose}>
      {asked.isError ? <Failed error={asked.error} again={() => void asked.refetch()} /> : <Asking />}
    </Dialog>
  );
}

/** Which product, on which machine; a token is made where the product needs one. */
function Declare({ products, onMade, onClose }: { products: Schemas["Configurable"][]; onMade: (made: Made) => void; onClose: () => void }) {
  const { t, said } = useWords();
  const queries = useQueryClient();
  const tell = useToast();
  const [product, setProduct] = useState(products[0]?.product ?? "");
  const [wrong, setWrong] = useState<Schemas["WrongCell"][]>([]);
  const takesToken = products.some((each) => each.product === product && each.takes_token);
  // the source is declared by then: without a token the configuration says where one belongs
  const tokenOf = async (name: string): Promise<string> => {
    try {
      return (await data(api.POST("/api/v1/tokens", { body: { name, scope: "ingest", days: 365, owner: "" } }))).token;
    } catch (error) {
      tell({ error });
      return "";
    }
  };
  const send = async (form: FormData) => {
    const name = textOf(form, "name");
    const cells = Object.fromEntries((["name", "product", "system", "agency", "place"] as const).map((column) => [column, textOf(form, column)]));
    const addresses = [takesToken && `token:${name}`, textOf(form, "addresses")].filter(Boolean).join(" ");
    const done = await data(api.POST("/api/v1/sources/adopt", { body: { rows: [{ ...cells, product: cells.product || product, addresses }] } }));
    setWrong(done.wrong);
    if (done.wrong.length > 0) return;
    void queries.invalidateQueries({ queryKey: ["sources"] });
    onMade({ name, product, server: textOf(form, "server"), token: takesToken ? await tokenOf(name) : "" });
  };
  return (
    <FormDialog title={t("wizard.title")} onClose={onClose} wide send={t("wizard.next")} onSend={send}>
      <p className="muted">{t("wizard.help")}</p>
      <div className="form-grid">
        <Field label={t("wizard.product")}>
          <select className="input" value={product} onChange={(event) => setProduct(event.target.value)}>
            {products.map((each) => (
              <option key={each.product} value={each.product}>
                {each.product}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t("wizard.server")}>
          <input className="input mono" name="server" placeholder={t("wizard.server_default")} maxLength={253} autoComplete="off" spellCheck={false} />
        </Field>
        <Field label={t("inventory.column.name")}>
          <input className="input" name="name" required maxLength={60} autoComplete="off" spellCheck={false} />
        </Field>
        <Field label={t("wizard.address")}>
          <input className="input mono" name="addresses" required={!takesToken} maxLength={1000} autoComplete="off" spellCheck={false} />
        </Field>
        {(["product", "system", "agency", "place"] as const).map((column) => (
          <Field key={column} label={t(`inventory.column.${column}`)}>
            <input className="input" name={column} placeholder={column === "product" ? product : ""} maxLength={200} autoComplete="off" />
          </Field>
        ))}
      </div>
      {takesToken && <p className="muted">{t("wizard.token")}</p>}
      {wrong.map((cell) => (
        <p key={`${cell.column} ${cell.reason.en}`} className="critical" role="alert">
          {said(cell.title)}: {said(cell.reason)}
        </p>
      ))}
    </FormDialog>
  );
}

function Waiting({ made, onClose }: { made: Made; onClose: () => void }) {
  const { t, language } = useWords();
  const asked = useQuery({
    queryKey: ["sources", "configuration", made.product, made.server, language],
    retry: false,
    queryFn: () => data(api.GET("/api/v1/sources/configuration", { params: { query: { product: made.product, address: made.server || undefined, language } } })),
  });
  const check = useQuery({
    queryKey: ["sources", "check", made.name, "newest"],
    refetchInterval: EVERY,
    queryFn: () => data(api.GET("/api/v1/sources/check", { params: { query: { source: made.name, newest: true } } })),
  });
  const text = asked.data ? (made.token ? asked.data.text.replaceAll(NO_TOKEN, made.token) : asked.data.text) : "";
  return (
    <Dialog title={t("wizard.configuration", { name: made.name })} onClose={onClose} width={900} isForm>
      <div className="form">
        {asked.isError && <Problem error={asked.error} />}
        {text && (
          <>
            <pre className="mono original wizard-text" tabIndex={0} aria-label={made.product}>
              {text}
            </pre>
            <div className="row">
              <Copy text={text} isFirst label={t("wizard.copy")} />
              {made.token && <span className="muted">{t("wizard.token_once")}</span>}
            </div>
          </>
        )}
        {check.data?.arrived && <Verdict arrived={check.data.arrived} />}
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("wizard.close")}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

/** What the newest event says, with the fields read. */
function Verdict({ arrived }: { arrived: Schemas["Arrived"] }) {
  const { t, n } = useWords();
  const values = { dataset: arrived.dataset, hours: n(arrived.zone_minutes / 60, 1), lacking: arrived.lacking.join(", ") };
  return (
    <section aria-label={t("wizard.verdict")}>
      <p role="status">
        <State tone={TONES[arrived.finding]} text={t(`wizard.finding.${arrived.finding}`, values)} />
      </p>
      {arrived.finding === "unparsed" && <p className="mono line-clamp">{visible(arrived.original)}</p>}
      {arrived.fields.length > 0 && arrived.finding !== "unparsed" && (
        <dl className="pairs wizard-fields">
          {arrived.fields.map((field) => (
            <div key={field.name} style={{ display: "contents" }}>
              <dt className="mono">{field.name}</dt>
              <dd className="mono">{visible(field.value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
