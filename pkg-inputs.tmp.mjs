import { build } from 'esbuild';
import { textImports } from './scripts/build/text-imports.mjs';
import { shaderTexts } from './scripts/build/shader-texts.mjs';
import { gzipSync } from 'node:zlib';
const r=await build({stdin:{contents:`import * as all from './src/index.ts';globalThis.used=[all];`,resolveDir:'.'},bundle:true,splitting:true,minify:true,metafile:true,write:false,format:'esm',target:'es2022',platform:'browser',outdir:'/tmp/x',logLevel:'error',external:['node:*','onnxruntime-node','webgpu','koffi'],
 mainFields:['module','main'],
 plugins:[{name:'o',setup(b){b.onResolve({filter:/^onnxruntime-web/},a=>({path:a.path,external:true}))}},textImports().plugin,shaderTexts]}).catch(e=>{console.log(e.message);process.exit(1)});
const o=r.metafile.outputs;const first=Object.keys(o).find(n=>o[n].entryPoint==='<stdin>');
const seen=new Set();const v=n=>{if(seen.has(n))return;seen.add(n);for(const{path,kind}of o[n].imports)if(kind==='import-statement'&&path in o)v(path)};v(first);
const m={};let gz=0;for(const n of seen){for(const[k,x]of Object.entries(o[n].inputs))m[k]=(m[k]??0)+x.bytesInOutput; gz+=gzipSync(r.outputFiles.find(f=>f.path.endsWith(n.split('/').at(-1))).contents,{level:9}).length}
console.log(Object.entries(m).sort((a,b)=>b[1]-a[1]).map(([k,x])=>x+' '+k).join('\n'));
console.log('total',Object.values(m).reduce((a,b)=>a+b,0),'gz',gz,'files',seen.size);
