// Writes the table of Go types that the embedded API server reads (sims/canary_lab/cluster/gotypes.txt, below its head).
//
// In an empty folder with this file, for another version of Kubernetes:
//
//	go mod init gotypes
//	go get k8s.io/api@v0.36.2 k8s.io/apiextensions-apiserver@v0.36.2 k8s.io/kube-aggregator@v0.36.2
//	GOMODCACHE=$(go env GOMODCACHE) go run . > types.txt
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"sort"
	"strings"

	apps "k8s.io/api/apps/v1"
	authn "k8s.io/api/authentication/v1"
	authz "k8s.io/api/authorization/v1"
	as1 "k8s.io/api/autoscaling/v1"
	as2 "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	coord "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	disc "k8s.io/api/discovery/v1"
	ev "k8s.io/api/events/v1"
	net "k8s.io/api/networking/v1"
	pol "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	ext "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	reg "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var roots = []any{
	core.ConfigMap{}, core.Endpoints{}, core.Event{}, core.LimitRange{}, core.Namespace{}, core.Node{}, core.PersistentVolumeClaim{},
	core.Pod{}, core.PodTemplate{}, core.ResourceQuota{}, core.Secret{}, core.Service{}, core.ServiceAccount{},
	apps.ControllerRevision{}, apps.DaemonSet{}, apps.Deployment{}, apps.ReplicaSet{}, apps.StatefulSet{},
	authn.TokenRequest{}, authn.SelfSubjectReview{}, authn.TokenReview{}, authz.SelfSubjectAccessReview{}, authz.SelfSubjectRulesReview{}, authz.SubjectAccessReview{},
	as1.HorizontalPodAutoscaler{}, as1.Scale{}, as2.HorizontalPodAutoscaler{}, batch.Job{}, batch.CronJob{}, coord.Lease{}, disc.EndpointSlice{}, ev.Event{},
	net.Ingress{}, net.NetworkPolicy{}, pol.PodDisruptionBudget{}, pol.Eviction{}, rbac.Role{}, rbac.RoleBinding{}, rbac.ClusterRole{}, rbac.ClusterRoleBinding{},
	ext.CustomResourceDefinition{}, reg.APIService{}, meta.DeleteOptions{}, meta.Status{},
}
var seen = map[string]string{}
var markers = map[string]map[string]string{} // "pkgpath.Type.Field" or "pkgpath.Type" -> markers
var parsed = map[string]bool{}
var leaf = map[string]bool{"meta/v1.Time": true, "meta/v1.MicroTime": true, "resource.Quantity": true, "intstr.IntOrString": true, "meta/v1.FieldsV1": true,
	"runtime.RawExtension": true, "meta/v1.Duration": true, "apiextensions/v1.JSONSchemaProps": true, "apiextensions/v1.JSON": true}

func short(t reflect.Type) string {
	p := t.PkgPath()
	for _, pre := range []string{"k8s.io/api/", "k8s.io/apimachinery/pkg/apis/", "k8s.io/apimachinery/pkg/api/", "k8s.io/apimachinery/pkg/util/", "k8s.io/apimachinery/pkg/", "k8s.io/apiextensions-apiserver/pkg/apis/", "k8s.io/kube-aggregator/pkg/apis/"} {
		if strings.HasPrefix(p, pre) {
			p = strings.TrimPrefix(p, pre)
			break
		}
	}
	return p + "." + t.Name()
}

func dir(pkg string) string {
	home := os.Getenv("GOMODCACHE")
	for _, m := range []string{"k8s.io/api", "k8s.io/apimachinery", "k8s.io/apiextensions-apiserver", "k8s.io/kube-aggregator"} {
		if strings.HasPrefix(pkg, m+"/") {
			return home + "/" + m + "@v0.36.2" + strings.TrimPrefix(pkg, m)
		}
	}
	return ""
}

func parse(pkg string) {
	if parsed[pkg] || dir(pkg) == "" {
		return
	}
	parsed[pkg] = true
	pkgs, err := parser.ParseDir(token.NewFileSet(), dir(pkg), nil, parser.ParseComments)
	if err != nil {
		panic(err)
	}
	for _, p := range pkgs {
		for _, f := range p.Files {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, s := range g.Specs {
					ts, ok := s.(*ast.TypeSpec)
					if !ok {
						continue
					}
					add(pkg+"."+ts.Name.Name, g.Doc)
					add(pkg+"."+ts.Name.Name, ts.Doc)
					st, ok := ts.Type.(*ast.StructType)
					if !ok {
						continue
					}
					for _, fl := range st.Fields.List {
						for _, n := range fl.Names {
							add(pkg+"."+ts.Name.Name+"."+n.Name, fl.Doc)
						}
					}
				}
			}
		}
	}
}

func add(key string, doc *ast.CommentGroup) {
	if doc == nil {
		return
	}
	m := markers[key]
	if m == nil {
		m = map[string]string{}
		markers[key] = m
	}
	for _, c := range doc.List {
		text := strings.TrimSpace(strings.TrimPrefix(c.Text, "//"))
		if !strings.HasPrefix(text, "+") {
			continue
		}
		k, v, _ := strings.Cut(text[1:], "=")
		if k == "listMapKey" && m[k] != "" {
			v = m[k] + "," + v
		}
		m[k] = v
	}
}

func expr(t reflect.Type) string {
	switch {
	case t.Name() != "" && t.PkgPath() != "":
		visit(t)
		return short(t)
	case t.Kind() == reflect.Ptr:
		return "*" + expr(t.Elem())
	case t.Kind() == reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + expr(t.Elem())
	case t.Kind() == reflect.Map:
		return "map[" + expr(t.Key()) + "]" + expr(t.Elem())
	}
	return t.Name()
}

func visit(t reflect.Type) {
	name := short(t)
	if _, ok := seen[name]; ok {
		return
	}
	seen[name] = ""
	parse(t.PkgPath())
	if leaf[name] {
		delete(seen, name)
		seen[name] = "-"
		return
	}
	if t.Kind() != reflect.Struct {
		u := map[reflect.Kind]string{reflect.String: "string", reflect.Int32: "int32", reflect.Int64: "int64", reflect.Int: "int64"}[t.Kind()]
		if t.Kind() == reflect.Map {
			u = "map[" + expr(t.Key()) + "]" + expr(t.Elem())
		}
		if t.Kind() == reflect.Slice {
			u = "[]" + expr(t.Elem())
		}
		seen[name] = name + " = " + u + "\n"
		return
	}
	head := name
	if v := markers[t.PkgPath()+"."+t.Name()]["structType"]; v != "" {
		head += " S=" + v
	}
	out := head + "\n"
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		parts := strings.Split(tag, ",")
		line := " " + f.Name + " " + map[bool]string{true: parts[0], false: "-"}[parts[0] != ""] + " " + expr(f.Type)
		for _, p := range parts[1:] {
			switch p {
			case "omitempty":
				line += " o"
			case "omitzero":
				line += " z"
			case "inline":
				line += " i"
			}
		}
		if tag == "" && f.Anonymous {
			line += " i"
		}
		if s := strings.Split(f.Tag.Get("protobuf"), ","); len(s) > 1 {
			line += " #" + s[1]
		}
		if s := f.Tag.Get("patchStrategy"); s != "" {
			line += " p=" + s
		}
		if s := f.Tag.Get("patchMergeKey"); s != "" {
			line += " k=" + s
		}
		m := markers[t.PkgPath()+"."+t.Name()+"."+f.Name]
		if m["listType"] != "" {
			line += " L=" + m["listType"]
		}
		if m["listMapKey"] != "" {
			line += " K=" + m["listMapKey"]
		}
		if m["mapType"] != "" {
			line += " M=" + m["mapType"]
		}
		if m["structType"] != "" {
			line += " S=" + m["structType"]
		}
		if _, ok := m["required"]; ok {
			line += " R"
		}
		out += line + "\n"
	}
	seen[name] = out
}

func main() {
	for _, r := range roots {
		visit(reflect.TypeOf(r))
	}
	var names []string
	for n := range seen {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if seen[n] != "-" {
			fmt.Print(seen[n])
		}
	}
}
