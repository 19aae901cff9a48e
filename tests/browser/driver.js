// Drives one Chromium: `node driver.js <chromium>`. Each line of stdin is a visit, {"url", "script"}, and each line of
// stdout what came of it, {"value"} or {"error"}. The script is the body of an async function that has `page`, a page of
// puppeteer's at that URL, with a profile of its own.
const puppeteer = require("puppeteer-core");
const readline = require("readline");

const AsyncFunction = (async () => {}).constructor;
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP rebound.test 127.0.0.1", // a name that somebody has pointed at this machine
];

async function visit(browser, { url, script }) {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    await page.goto(url);
    return { value: (await new AsyncFunction("page", script)(page)) ?? null };
  } catch (error) {
    return { error: error.stack };
  } finally {
    await context.close();
  }
}

async function main() {
  const browser = await puppeteer.launch({ executablePath: process.argv[2], args: ARGUMENTS, timeout: 60_000 });
  console.log("ready");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await visit(browser, JSON.parse(line))));
  }
  await browser.close();
}

main();
