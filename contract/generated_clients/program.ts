// A program over generated clients: it logs in, finds a failed run and what failed in it, submits a job and follows its stream.
// It prints what it found as JSON, for the test that started it.
import { createToken, downloadFile, getDiff, getRun, listArtifacts, listRuns, triageRun } from "./ci_api";
import { createClient, createConfig } from "./ci_api/client";
import { cancelJob, getJob, getJobArtifact, listJobArtifacts, streamJob, submitJobAsync } from "./jobs";
import { createClient as createJobsClient, createConfig as createJobsConfig } from "./jobs/client";

declare const process: { argv: string[] };

// The data of a stream's events, which the document calls text, so that no generator makes a type of it.
type JobEvent = { type: string; data?: string; success?: boolean };

async function follow(stream: AsyncGenerator<unknown>): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of stream) events.push(event as JobEvent);
  return events;
}

async function main(address: string, email: string, password: string, zip: string, finishedJob: string): Promise<object> {
  const baseUrl = `${address}/api/v1`;
  const login = await createToken({
    client: createClient(createConfig({ baseUrl })),
    body: { email, password, token_name: "typescript", scopes: ["runs:read", "runs:write", "results:read"] },
    throwOnError: true,
  });
  const auth = login.data.token;
  const ci = createClient(createConfig({ baseUrl, auth }));
  const jobs = createJobsClient(createJobsConfig({ baseUrl: address, auth }));

  const page = await listRuns({ client: ci, query: { status: "fail", sort: "-run_id", limit: 1 }, throwOnError: true });
  const run = page.data.data[0];
  const path = { run_id: run.run_id };
  const triage = await triageRun({ client: ci, path, throwOnError: true });
  const failure = triage.data.failures[0];
  const diff = await getDiff({
    client: ci,
    path: { ...path, sample_id: failure.sample_id },
    query: { regression_id: failure.regression_id, output_id: failure.first_difference?.output_id ?? 0 },
    throwOnError: true,
  });
  const files = await listArtifacts({ client: ci, path, query: { type: "build_log" }, throwOnError: true });
  const ticket = files.data.data[0].download_url?.split("/").pop() ?? "";
  const log = await downloadFile({ client: ci, path: { ticket }, parseAs: "blob", throwOnError: true });
  const missing = await getRun({ client: ci, path: { run_id: 2147483647 } });

  const file = new Blob([Uint8Array.from(atob(zip), (character) => character.charCodeAt(0))]);
  const submitted = await submitJobAsync({ client: jobs, body: { file }, throwOnError: true });
  const job = await getJob({ client: jobs, path: submitted.data, throwOnError: true });
  const waiting = follow((await streamJob({ client: jobs, path: submitted.data })).stream);
  await cancelJob({ client: jobs, path: submitted.data, throwOnError: true });
  const canceledEvents = await waiting;
  const followed = await streamJob({ client: jobs, path: { job_id: finishedJob }, query: { from_beginning: "true" } });
  const finishedEvents = await follow(followed.stream);
  const kept = await listJobArtifacts({ client: jobs, path: { job_id: finishedJob }, throwOnError: true });
  const name = kept.data.artifacts[0].name;
  const artifact = await getJobArtifact({ client: jobs, path: { job_id: finishedJob, name }, parseAs: "blob", throwOnError: true });
  return {
    run_id: run.run_id,
    link: page.response.headers.get("Link"),
    failing_since: failure.failing_since.run_id,
    code: failure.code,
    removed: diff.data.hunks?.[0].lines.filter((line) => line.kind === "removed").map((line) => line.text),
    log_bytes: (log.data as Blob).size,
    refusal: missing.error?.code,
    job_status: job.data.status,
    canceled_end: canceledEvents.at(-1),
    finished_end: finishedEvents.at(-1),
    finished_text: finishedEvents.map((event) => event.data ?? "").join(""),
    artifact: [name, (artifact.data as Blob).size],
  };
}

const [address, email, password, zip, finishedJob] = process.argv.slice(2);
main(address, email, password, zip, finishedJob).then((found) => console.log(JSON.stringify(found)));
