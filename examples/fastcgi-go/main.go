// Program clock tells the time in the zone that a path names, such as
// /Europe/Berlin, and on POST converts a moment to it. It is net/http behind
// any FastCGI manager: the listening socket is on descriptor 0.
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // no zones are needed on the machine
)

func main() {
	log.SetFlags(0)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", now)
	mux.HandleFunc("POST /", convert)
	if err := fcgi.Serve(nil, mux); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func now(w http.ResponseWriter, r *http.Request) { tell(w, r, time.Now()) }

func convert(w http.ResponseWriter, r *http.Request) {
	moment, err := time.Parse(time.RFC3339, r.FormValue("moment"))
	if err != nil {
		http.Error(w, "a moment as in 2026-02-03T04:05:06Z, please", http.StatusUnprocessableEntity)
		return
	}
	tell(w, r, moment)
}

func tell(w http.ResponseWriter, r *http.Request, moment time.Time) {
	zone, err := zone(r.URL.Path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, moment.In(zone).Format(time.RFC1123Z))
}

func zone(path string) (*time.Location, error) {
	name := strings.Trim(path, "/")
	if name == "Local" {
		return nil, errors.New("no zone called Local")
	}
	return time.LoadLocation(name) // the empty name is UTC
}
