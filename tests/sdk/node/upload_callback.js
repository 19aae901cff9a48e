// The example of "Upload callbacks" for Node.js in the OSS documentation; only endpoint, keys and URL are set.
const OSS = require("ali-oss");
const path = require("path");

const client = new OSS({
  region: "oss-cn-hangzhou",
  accessKeyId: process.env.OSS_ACCESS_KEY_ID,
  accessKeySecret: process.env.OSS_ACCESS_KEY_SECRET,
  authorizationV4: true,
  bucket: "examplebucket",
  endpoint: process.env.OSS_ENDPOINT,
});

const options = {
  callback: {
    url: process.env.CALLBACK_URL,
    body: "bucket=${bucket}&object=${object}&var1=${x:var1}&var2=${x:var2}",
    contentType: "application/x-www-form-urlencoded",
    callbackSNI: true,
    customValue: {
      var1: "value1",
      var2: "value2",
    },
  },
};

async function put() {
  const result = await client.put("exampleobject.txt", path.normalize(process.env.FILE), options);
  console.log(JSON.stringify({ status: result.res.status, data: result.data }));
}

put();
