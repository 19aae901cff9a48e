// Runs one call of ali-oss: `node run.js '<options>' '<script>'`. The script is the body of an async function that has
// `client`, `OSS`, `urllib` and `require`; what it returns is printed as JSON, what it throws as {"error": ...}.
const OSS = require("ali-oss");
const urllib = require("urllib");

const client = new OSS(JSON.parse(process.argv[2]));
const AsyncFunction = (async () => {}).constructor;

new AsyncFunction("client", "OSS", "urllib", "require", process.argv[3])(client, OSS, urllib, require).then(
  (result) => console.log(JSON.stringify(result ?? null)),
  (error) =>
    console.log(
      JSON.stringify({
        error: {
          name: error.name,
          code: error.code,
          status: error.status,
          message: error.message,
          ecCode: error.ecCode,
          requestId: error.requestId,
          hostId: error.hostId,
        },
      }),
    ),
);
