import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of openssl's, in a folder of its own. */
export interface Authority extends Issued {
  /** A certificate for a server (`names`: `DNS:…`, `IP:…`) or for a client (no names). Times are `YYYYMMDDHHMMSSZ`. */
  issue(subject: string, names?: readonly string[], from?: string, to?: string): Issued;
  remove(): void;
}

export function createAuthority(name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-ca-"));
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  };
  const text = (file: string): string => readFileSync(join(folder, file), "utf8");
  writeFileSync(
    join(folder, "ca.cnf"),
    "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n" +
      "policy=any\nunique_subject=no\n[any]\ncommonName=supplied\norganizationName=optional\n",
  );
  writeFileSync(join(folder, "index.txt"), "");
  writeFileSync(join(folder, "serial"), "1000\n");
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", `/CN=${name}`);
  let issued = 0;
  return {
    certificate: text("ca.pem"),
    key: text("ca.key"),
    issue(subject, names = [], from = "20200101000000Z", to = "20490101000000Z") {
      const base = `cert${issued++}`;
      const usage = names.length > 0 ? "serverAuth" : "clientAuth";
      const alternative = names.length > 0 ? `subjectAltName=${names.join(",")}\n` : "";
      writeFileSync(join(folder, `${base}.ext`), `extendedKeyUsage=${usage}\n${alternative}`);
      openssl("req", ...curve, "-keyout", `${base}.key`, "-out", `${base}.csr`, "-subj", subject);
      const by = ["-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-extfile", `${base}.ext`];
      const times = ["-startdate", from, "-enddate", to];
      openssl("ca", "-batch", "-notext", ...by, ...times, "-in", `${base}.csr`, "-out", `${base}.pem`);
      return { certificate: text(`${base}.pem`), key: text(`${base}.key`) };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
